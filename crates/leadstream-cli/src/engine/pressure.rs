//! What contacts in memory give up while the process takes more than its budget.
//!
//! The parts of the budget count what is in use. What the process takes is more: contacts grow all the time, so memory that they left is in
//! pieces of sizes that few others need, and no allocator can give such pieces back. How much that comes to depends on the input, so it is measured
//! and not foreseen. Contacts are what can be had again: they go to the store, and what they leave is used before the system is asked for more.

/// How large the process is, and is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// What the system has given the process.
    pub(crate) resident_bytes: u64,
    /// The budget of the process.
    pub(crate) budget_bytes: u64,
}

/// The share of their part that contacts may take, in thousandths: all while the process keeps to 95 % of its budget; half where it passes that by 10 %, and
/// from 15 % on a quarter, with which work goes on.
///
/// It follows the size as it is and remembers nothing: memory that is free in pieces leaves the process large though contacts gave it up, and a share
/// that fell for as long as that is so would end at nothing.
pub(super) fn contacts_share(size: Size) -> u32 {
    let allowed = size.budget_bytes - size.budget_bytes / 20;
    let over = u128::from(size.resident_bytes.saturating_sub(allowed)) * u128::from(WHOLE) / u128::from(allowed.max(1));
    let over = u32::try_from(over).unwrap_or(WHOLE);
    WHOLE.saturating_sub(over.saturating_mul(STEEPNESS)).max(LEAST)
}

const WHOLE: u32 = 1_000;
/// By how many thousandths of their part contacts give way for each thousandth that is taken too much.
const STEEPNESS: u32 = 5;
const LEAST: u32 = 250;

#[cfg(test)]
mod tests {
    use super::*;

    fn share(resident_bytes: u64, budget_bytes: u64) -> u32 {
        contacts_share(Size { resident_bytes, budget_bytes })
    }

    #[test]
    fn contacts_give_way_as_the_process_grows_over_its_budget_and_come_back_as_it_shrinks() {
        // 95 % of the budget are 1,425.
        let sizes = [0, 500, 1_425, 1_482, 1_568, 1_639, 1_640, 3_000];
        let shares = sizes.map(|mebibytes: u64| share(mebibytes << 20, 1_500 << 20));
        assert_eq!(shares, [1_000, 1_000, 1_000, 800, 500, 250, 250, 250]);
    }

    #[test]
    fn a_budget_of_nothing_leaves_the_least() {
        assert_eq!(share(u64::MAX, 0), LEAST);
    }
}
