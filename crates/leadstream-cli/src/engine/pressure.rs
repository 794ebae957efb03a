//! What contacts in memory give up while the process takes more than its parts allow.
//!
//! The parts of the budget count what is in use. What the process takes is more: contacts grow all the time, so memory that they left is in
//! pieces of sizes that few others need, and no allocator can give such pieces back. How much that comes to depends on the input, so it is measured
//! and not foreseen. Contacts are what can be had again: they go to the store, and what they leave is used before the system is asked for more.
//! The stores have a part that they keep to and may fill up later, so they count with that part, whatever they use at present.

/// How large the process is, and is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// What the system has given the process.
    pub(crate) resident_bytes: u64,
    /// What of it the stores use.
    pub(crate) stores_bytes: u64,
    /// The budget of the process.
    pub(crate) budget_bytes: u64,
    /// The parts of the budget that are the stores'.
    pub(crate) stores_budget_bytes: u64,
}

/// The share of their part that contacts may take, in thousandths: all while the process keeps to 95 % of its budget, and everything beside the stores to
/// what the stores leave of it; half where either is passed by 10 %, and from 15 % on a quarter, with which work goes on.
///
/// It follows the size as it is and remembers nothing: memory that is free in pieces leaves the process large though contacts gave it up, and a share
/// that fell for as long as that is so would end at nothing.
pub(super) fn contacts_share(size: Size) -> u32 {
    let beside = size.resident_bytes.saturating_sub(size.stores_bytes);
    let over = over(beside, size.budget_bytes.saturating_sub(size.stores_budget_bytes))
        .max(over(size.resident_bytes, size.budget_bytes - size.budget_bytes / 20));
    WHOLE.saturating_sub(over.saturating_mul(STEEPNESS)).max(LEAST)
}

/// By how many thousandths something passes what it may be.
fn over(bytes: u64, allowed_bytes: u64) -> u32 {
    let over = u128::from(bytes.saturating_sub(allowed_bytes)) * u128::from(WHOLE) / u128::from(allowed_bytes.max(1));
    u32::try_from(over).unwrap_or(WHOLE)
}

const WHOLE: u32 = 1_000;
/// By how many thousandths of their part contacts give way for each thousandth that is taken too much.
const STEEPNESS: u32 = 5;
const LEAST: u32 = 250;

#[cfg(test)]
mod tests {
    use super::*;

    /// With a budget of 1,500 of which the stores have 500.
    fn share(resident: u64, stores: u64) -> u32 {
        let [resident_bytes, stores_bytes, budget_bytes, stores_budget_bytes] =
            [resident, stores, 1_500, 500].map(|mebibytes: u64| mebibytes << 20);
        contacts_share(Size { resident_bytes, stores_bytes, budget_bytes, stores_budget_bytes })
    }

    #[test]
    fn contacts_give_way_as_the_process_grows_over_its_budget_and_come_back_as_it_shrinks() {
        // 95 % of the budget are 1,425.
        let sizes = [0, 500, 1_425, 1_482, 1_568, 1_639, 1_640, 3_000];
        assert_eq!(sizes.map(|size| share(size, 700)), [1_000, 1_000, 1_000, 800, 500, 250, 250, 250]);
    }

    #[test]
    fn what_the_stores_do_not_use_yet_is_not_for_others() {
        assert_eq!([share(1_000, 0), share(1_050, 0), share(1_100, 50)], [1_000, 750, 750]);
        assert_eq!(share(700, 700), 1_000);
    }

    #[test]
    fn a_budget_of_nothing_leaves_the_least() {
        let size = Size { resident_bytes: u64::MAX, stores_bytes: 0, budget_bytes: 0, stores_budget_bytes: 0 };
        assert_eq!(contacts_share(size), LEAST);
    }
}
