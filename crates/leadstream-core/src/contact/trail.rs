//! A list that grows at its end and loses its oldest items. What it lost stays in memory for a while, so that losing it costs nothing and can be undone.

use std::ops::{Deref, DerefMut};

use crate::contact::{Growth, make_room};

/// The items that are left are what it dereferences to; places count from the first of them.
#[derive(Clone, Debug)]
pub(super) struct Trail<T> {
    items: Vec<T>,
    /// So many items in front are lost.
    gone: usize,
}

/// A moment of a trail, to go back to. Only valid while nothing but its two ends has moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TrailMark {
    end: usize,
    gone: usize,
}

impl TrailMark {
    /// Where the items ended, those that were lost but still in memory with them.
    pub(super) fn end(self) -> usize {
        self.end
    }
}

/// What a list held behind a place, at a mark, before it was cut off there and grew anew.
#[derive(Clone, Debug)]
pub(super) struct Cut<T> {
    /// Everything before is in the list still. Counts items that are lost but still in memory.
    from: usize,
    items: Vec<T>,
}

impl<T> Default for Cut<T> {
    fn default() -> Cut<T> {
        Cut { from: 0, items: Vec::new() }
    }
}

impl<T: Clone> Cut<T> {
    /// Begins at a mark, where nothing is cut off.
    pub(super) fn begin(&mut self, end: usize) {
        self.from = end;
        self.items.clear();
    }

    /// Keeps the items of a list from a place on that were there at the mark and still are.
    pub(super) fn keep(&mut self, list: &[T], from: usize) {
        if from < self.from {
            self.items.splice(..0, list[from..self.from].iter().cloned());
            self.from = from;
        }
    }

    /// Gives the list back what it held at the mark.
    pub(super) fn restore(self, list: &mut Vec<T>) {
        list.truncate(self.from);
        list.extend(self.items);
    }

    /// Lets go of its memory where that is more than most need.
    pub(super) fn release(&mut self) {
        const LONG_BYTES: usize = 1024;
        self.items.clear();
        if self.items.capacity() * size_of::<T>() > LONG_BYTES {
            self.items = Vec::new();
        }
    }
}

impl<T> Default for Trail<T> {
    fn default() -> Trail<T> {
        Trail { items: Vec::new(), gone: 0 }
    }
}

impl<T> Deref for Trail<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.items[self.gone..]
    }
}

impl<T> DerefMut for Trail<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.items[self.gone..]
    }
}

impl<T: PartialEq> PartialEq for Trail<T> {
    fn eq(&self, other: &Trail<T>) -> bool {
        **self == **other
    }
}

impl<T> Trail<T> {
    pub(super) fn push(&mut self, item: T) {
        make_room(&mut self.items, 1);
        self.items.push(item);
    }

    pub(super) fn insert(&mut self, at: usize, item: T) {
        make_room(&mut self.items, 1);
        self.items.insert(self.gone + at, item);
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.items.remove(self.gone + at);
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.items.truncate(self.gone + len);
    }

    /// Loses the oldest items.
    pub(super) fn lose(&mut self, count: usize) {
        self.gone += count.min(self.len());
    }

    /// How many lost items are still in memory.
    pub(super) fn gone(&self) -> usize {
        self.gone
    }

    /// Gives the memory of lost items to others. No mark taken before is valid any more.
    pub(super) fn forget_gone(&mut self) {
        self.items.drain(..std::mem::take(&mut self.gone));
    }

    pub(super) fn mark(&self) -> TrailMark {
        TrailMark { end: self.items.len(), gone: self.gone }
    }

    /// Keeps what is about to be cut off at a place.
    pub(super) fn keep_from(&self, at: usize, cut: &mut Cut<T>)
    where
        T: Clone,
    {
        cut.keep(&self.items, self.gone + at);
    }

    /// What became of the items since a mark.
    pub(super) fn growth(&self, mark: TrailMark, cut: &Cut<T>) -> Growth {
        let kept = cut.from.saturating_sub(mark.gone);
        Growth { before: mark.end - mark.gone, kept, left: (self.gone - mark.gone).min(kept) }
    }

    pub(super) fn rewind(&mut self, mark: TrailMark, cut: Cut<T>)
    where
        T: Clone,
    {
        self.gone = mark.gone;
        cut.restore(&mut self.items);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.items.capacity() * size_of::<T>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_and_what_was_added_is_undone_by_a_mark() {
        let mut trail = Trail::default();
        (0..5).for_each(|n| trail.push(n));
        trail.lose(1);
        let (mark, cut) = marked(&trail);
        trail.lose(2);
        trail.push(5);
        assert_eq!((&*trail, trail.growth(mark, &cut)), (&[3, 4, 5][..], Growth { before: 4, kept: 4, left: 2 }));
        trail.lose(9);
        assert_eq!((trail.len(), trail.growth(mark, &cut)), (0, Growth { before: 4, kept: 4, left: 4 }));
        trail.rewind(mark, cut);
        assert_eq!(*trail, [1, 2, 3, 4]);
        trail.forget_gone();
        trail.insert(1, 9);
        trail.remove(0);
        assert_eq!((&*trail, trail.gone()), (&[9, 2, 3, 4][..], 0));
    }

    #[test]
    fn what_was_cut_off_again_and_again_is_undone_by_a_mark() {
        let mut trail = Trail::default();
        (0..6).for_each(|n| trail.push(n));
        let (mark, mut cut) = marked(&trail);
        trail.keep_from(4, &mut cut);
        trail.truncate(4);
        (40..43).for_each(|n| trail.push(n));
        // Nothing of this was there at the mark.
        trail.keep_from(5, &mut cut);
        trail.truncate(5);
        trail.lose(1);
        trail.keep_from(2, &mut cut);
        trail.truncate(2);
        trail.push(30);
        assert_eq!((&*trail, trail.growth(mark, &cut)), (&[1, 2, 30][..], Growth { before: 6, kept: 3, left: 1 }));
        // More left than was kept.
        trail.lose(3);
        assert_eq!(trail.growth(mark, &cut), Growth { before: 6, kept: 3, left: 3 });
        trail.rewind(mark, cut);
        assert_eq!(*trail, [0, 1, 2, 3, 4, 5]);
    }

    fn marked(trail: &Trail<i32>) -> (TrailMark, Cut<i32>) {
        let (mark, mut cut) = (trail.mark(), Cut::default());
        cut.begin(mark.end());
        (mark, cut)
    }
}
