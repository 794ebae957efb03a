//! Published names of event types that stand for another type: decoders write the one, plans are told of the other.
//!
//! Only names that Segment's own specifications published are here: the first version of its commerce events, and its e-mail events. A
//! name of a customer's own keeps its meaning; a source can add aliases in its configuration, which go before these.

/// The published names that stand for another type, in snake_case, each with that type; ordered by name.
pub const PUBLISHED_NAMES: &[(&str, &str)] = &[
    ("added_product", "product_added"),
    ("added_product_to_wishlist", "product_added_to_wishlist"),
    ("clicked_product", "product_clicked"),
    ("clicked_promotion", "promotion_clicked"),
    ("completed_checkout_step", "checkout_step_completed"),
    ("completed_order", "order_completed"),
    ("email_link_clicked", "email_clicked"),
    ("filtered_product_list", "product_list_filtered"),
    ("removed_product", "product_removed"),
    ("removed_product_from_wishlist", "product_removed_from_wishlist"),
    ("reviewed_product", "product_reviewed"),
    ("searched_products", "products_searched"),
    ("shared_product", "product_shared"),
    ("started_checkout", "checkout_started"),
    ("updated_order", "order_updated"),
    ("viewed_checkout_step", "checkout_step_viewed"),
    ("viewed_product", "product_viewed"),
    ("viewed_product_category", "product_list_viewed"),
    ("viewed_promotion", "promotion_viewed"),
];

/// The type that a published name in snake_case stands for.
pub fn published_type(name: &str) -> Option<&'static str> {
    let at = PUBLISHED_NAMES.binary_search_by_key(&name, |(from, _)| *from).ok()?;
    Some(PUBLISHED_NAMES[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_searched_and_no_name_stands_for_another_name() {
        assert!(PUBLISHED_NAMES.is_sorted_by_key(|(from, _)| *from));
        assert_eq!(published_type("email_link_clicked"), Some("email_clicked"));
        assert_eq!(published_type("order_completed"), None);
        assert!(PUBLISHED_NAMES.iter().all(|(_, to)| published_type(to).is_none()));
    }
}
