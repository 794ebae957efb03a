//! A list that grows at its end and loses its oldest items. What it lost stays in memory for a while, so that losing it costs nothing and can be undone.

use std::ops::{Deref, DerefMut};

use crate::contact::make_room;

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
    /// How many items there were.
    pub(super) fn len(self) -> usize {
        self.end - self.gone
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

    /// How many of the items that there were at a mark are lost by now.
    pub(super) fn lost_since(&self, mark: TrailMark) -> usize {
        (self.gone - mark.gone).min(mark.len())
    }

    pub(super) fn rewind(&mut self, mark: TrailMark) {
        self.gone = mark.gone;
        self.items.truncate(mark.end);
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
        let mark = trail.mark();
        trail.lose(2);
        trail.push(5);
        assert_eq!((&*trail, trail.lost_since(mark), mark.len()), (&[3, 4, 5][..], 2, 4));
        trail.lose(9);
        assert_eq!((trail.len(), trail.lost_since(mark)), (0, 4));
        trail.rewind(mark);
        assert_eq!(*trail, [1, 2, 3, 4]);
        trail.forget_gone();
        trail.insert(1, 9);
        trail.remove(0);
        assert_eq!((&*trail, trail.gone()), (&[9, 2, 3, 4][..], 0));
    }
}
