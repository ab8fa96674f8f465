//! A direction as a method: its own settings, then those that all directions share.
use super::direction::Directed;
use super::smooth::Smooth;
use crate::method::Entry;
use crate::searches;
use crate::settings::{Kind, Parameter};

/// The settings that all of them share, after their own.
const SHARED: [Parameter; 4] = [
    Parameter {
        name: "gtol",
        default: -1.0,
        low: -1.0,
        high: f64::INFINITY,
        kind: Kind::Number,
        doc: "SciPy's criterion: claim convergence where max |P(x − g) − x| is at most this; below 0 the method's own.",
    },
    Parameter {
        name: "ftol",
        default: -1.0,
        low: -1.0,
        high: f64::INFINITY,
        kind: Kind::Number,
        doc: "SciPy's criterion: claim convergence where a step lowers F by at most this, relative; below 0 the method's own.",
    },
    Parameter {
        name: "verify",
        default: 1.0,
        low: 0.0,
        high: 1.0,
        kind: Kind::Switch,
        doc: "Whether to look at both sides of the point before convergence is claimed (a few evaluations).",
    },
    Parameter {
        name: "search",
        default: 0.0,
        low: 0.0,
        high: (searches::NAMES.len() - 1) as f64,
        kind: Kind::Choice(searches::NAMES),
        doc: "The line search along the direction.",
    },
];

/// No direction has more settings of its own.
const MOST: usize = 8;

/// A direction's row among the methods.
pub struct Row<D>(std::marker::PhantomData<D>);

impl<D: Directed> Row<D> {
    const ALL: [Parameter; MOST + SHARED.len()] = {
        let (mut all, own) = ([SHARED[0]; MOST + SHARED.len()], D::PARAMETERS);
        assert!(own.len() <= MOST, "a direction has more settings of its own than MOST");
        let mut i = 0;
        while i < own.len() {
            all[i] = own[i];
            i += 1;
        }
        while i < own.len() + SHARED.len() {
            all[i] = SHARED[i - own.len()];
            i += 1;
        }
        all[i - 1].default = searches::place(D::SEARCH) as f64;
        all
    };
    /// The row.
    pub const ENTRY: Entry = Entry {
        name: D::NAME,
        doc: D::DOC,
        parameters: (&Self::ALL as &'static [Parameter])
            .split_at(D::PARAMETERS.len() + SHARED.len())
            .0,
        needs: D::NEEDS,
        suits: D::suits,
        build: |settings| {
            let (own, shared) = settings.split_at(D::PARAMETERS.len());
            Box::new(Smooth::new::<D>(own, shared.try_into().expect("all are passed")))
        },
    };
}
