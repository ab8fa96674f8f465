//! Rows of a buffer that tasks write at once, each its own.
use std::cell::UnsafeCell;

/// Numbers whose parts are lent to several tasks.
pub(super) struct Room<N> {
    all: Box<[UnsafeCell<N>]>,
}
// SAFETY: parts are lent by `part` and `read`, whose callers keep what is written apart; what is read, several tasks may
// see at once.
unsafe impl<N: Send + Sync> Sync for Room<N> {}

impl<N: Clone + Default> Room<N> {
    pub fn new(len: usize) -> Self {
        Room { all: (0..len).map(|_| UnsafeCell::new(N::default())).collect() }
    }
    pub fn len(&self) -> usize {
        self.all.len()
    }
    /// Numbers to read, by any number of tasks.
    ///
    /// # Safety
    ///
    /// No part that is lent by [`part`](Self::part) meanwhile reaches into this one.
    pub unsafe fn read(&self, from: usize, to: usize) -> &[N] {
        let part = &self.all[from..to];
        // SAFETY: an `UnsafeCell` lies as what is in it; nobody writes there as the caller promises.
        unsafe { std::slice::from_raw_parts(part.as_ptr() as *const N, part.len()) }
    }
    /// Numbers to write, by one task.
    ///
    /// # Safety
    ///
    /// No other part that is lent meanwhile, be it to read, reaches into this one.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn part(&self, from: usize, to: usize) -> &mut [N] {
        let part = &self.all[from..to];
        // SAFETY: an `UnsafeCell` lies as what is in it; apart from the others as the caller promises.
        unsafe { std::slice::from_raw_parts_mut(part.as_ptr() as *mut N, part.len()) }
    }
    /// What is in it, where nothing is lent.
    pub fn all(&mut self) -> &mut [N] {
        let len = self.len();
        // SAFETY: it is ours alone.
        unsafe { self.part(0, len) }
    }
}

/// The same of numbers that are lent to us.
pub(super) struct Allotted<'a, N> {
    all: &'a [UnsafeCell<N>],
}
// SAFETY: parts are lent by `part`, whose callers keep them apart.
unsafe impl<N: Send> Sync for Allotted<'_, N> {}

impl<'a, N> Allotted<'a, N> {
    pub fn new(all: &'a mut [N]) -> Self {
        // From `*const` on, nobody may write.
        let all: *mut [N] = all;
        // SAFETY: an `UnsafeCell` lies as what is in it, and nobody else has the numbers meanwhile.
        Allotted { all: unsafe { &*(all as *const [UnsafeCell<N>]) } }
    }
    /// # Safety
    ///
    /// No other part that is lent meanwhile reaches into this one.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn part(&self, from: usize, to: usize) -> &mut [N] {
        let part = &self.all[from..to];
        // SAFETY: as for `Room`.
        unsafe { std::slice::from_raw_parts_mut(part.as_ptr() as *mut N, part.len()) }
    }
}
