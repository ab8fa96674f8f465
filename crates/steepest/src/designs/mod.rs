//! The designs: dense, sparse, categorical codes.
