//! Published names of events that mean the same, so that a plan has one word for each.
//!
//! Only names that Segment's own specifications published are here: the first version of its commerce events, and its e-mail events. A
//! name of a customer's own keeps its meaning; a source can add aliases in its configuration.

/// The type that a published name in snake_case stands for; the name itself where it has no other.
pub(crate) fn published(name: &str) -> &str {
    match PUBLISHED.binary_search_by_key(&name, |(from, _)| from) {
        Ok(at) => PUBLISHED[at].1,
        Err(_) => name,
    }
}

/// The published names that stand for another type, in snake_case, each with that type.
pub fn published_names() -> &'static [(&'static str, &'static str)] {
    PUBLISHED
}

/// Name, type; ordered by name.
const PUBLISHED: &[(&str, &str)] = &[
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_searched() {
        assert!(PUBLISHED.is_sorted_by_key(|(from, _)| *from));
        assert_eq!(published("email_link_clicked"), "email_clicked");
        assert_eq!(published("order_completed"), "order_completed");
        for (_, to) in PUBLISHED {
            assert_eq!(published(to), *to, "an alias of an alias");
        }
    }
}
