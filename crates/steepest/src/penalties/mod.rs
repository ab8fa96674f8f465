//! The registry of penalties: one line each.
use crate::penalty::Entry;

#[doc = "The penalty `box`."]
pub mod bounds;
#[doc = "The penalty `elastic_net`."]
pub mod elastic_net;
#[doc = "The penalty `l1`."]
pub mod l1;
#[doc = "The penalty `l2`."]
pub mod l2;
#[doc = "The penalty `none`."]
pub mod none;
pub mod simplex;

/// Every penalty.
pub static PENALTIES: &[Entry] = &[
    Entry::of::<none::NoPenalty>(),
    Entry::of::<l2::L2>(),
    Entry::of::<l1::L1>(),
    Entry::of::<elastic_net::ElasticNet>(),
    Entry::of::<bounds::Bounds>(),
    simplex::ENTRY,
];
