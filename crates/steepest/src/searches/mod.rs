//! The registry of line searches: one line each.
use crate::search::Entry;
use crate::settings::nearest;

macro_rules! searches {
    ($($file:ident::$search:ident),* $(,)?) => {
        $(#[doc = concat!("The search `", stringify!($file), "`.")] pub mod $file;)*
        /// Every search.
        pub static SEARCHES: &[Entry] = &[$(Entry::of::<$file::$search>()),*];
        /// Their names, in that order.
        pub const NAMES: &[&str] = &[$(stringify!($file)),*];
    };
}
searches! {
    approximate_wolfe::ApproximateWolfe,
    armijo::Armijo,
    hager_zhang::HagerZhang,
    more_thuente::MoreThuente,
    non_monotone::NonMonotone,
    strong_wolfe::StrongWolfe,
}

/// The search of that name, or what is wrong with it.
pub fn find(name: &str) -> Result<&'static Entry, String> {
    let near =
        || format!("no line search is called '{name}'{}", nearest(name, NAMES.iter().copied()));
    SEARCHES.iter().find(|e| e.name == name).ok_or_else(near)
}

/// The place of a search in the registry: what a setting that chooses one holds.
pub const fn place(name: &str) -> usize {
    let mut i = 0;
    while i < NAMES.len() {
        if same(NAMES[i].as_bytes(), name.as_bytes()) {
            return i;
        }
        i += 1;
    }
    panic!("no search is called as a direction's SEARCH says")
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}
