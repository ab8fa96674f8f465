//! What a layer makes of its sums: a function of one number, written once over any numbers.
use crate::numbers::jet::Jet;
use crate::numbers::real::{Float, Real};
use crate::numbers::trace::{Program, Symbol, record};
use crate::settings::{Described, Parameter};

/// A function of one number, which is not a straight line; its slope follows by [`Jet`].
pub trait Activation: Described {
    /// The initialiser that suits: what keeps signals and slopes as large from layer to layer.
    const INITIALISER: &'static str;
    /// Of a sum.
    fn value<N: Real>(settings: Self::Of<N>, z: N) -> N;
}

/// An activation at work: one virtual call a block of numbers.
pub trait Activated<N>: Send + Sync {
    /// Sums become values.
    fn values(&self, z: &mut [N]);
    /// The same, and the slopes there.
    fn slopes(&self, z: &mut [N], slope: &mut [N]);
}

/// A row of the registry.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Its page.
    pub doc: &'static str,
    /// Its settings.
    pub parameters: &'static [Parameter],
    /// See [`Activation::INITIALISER`].
    pub initialiser: &'static str,
    /// What it recorded of itself, with its settings and the input `z`.
    pub program: fn() -> Program,
    /// Value and slope of one number in f64, for tests.
    pub jet: fn(settings: &[f64], z: f64) -> Jet<f64>,
    f32: fn(settings: &[f64]) -> Box<dyn Activated<f32>>,
    f64: fn(settings: &[f64]) -> Box<dyn Activated<f64>>,
}

/// An activation with its settings.
#[derive(Clone)]
pub struct Activity {
    /// Which.
    pub entry: &'static Entry,
    /// As many as it declares.
    pub settings: Vec<f64>,
}

/// The numbers that activations are compiled for.
pub trait Activates: Float {
    /// The activation at work on these numbers.
    fn activated(chosen: &Activity) -> Box<dyn Activated<Self>>;
}
impl Activates for f32 {
    fn activated(chosen: &Activity) -> Box<dyn Activated<f32>> {
        (chosen.entry.f32)(&chosen.settings)
    }
}
impl Activates for f64 {
    fn activated(chosen: &Activity) -> Box<dyn Activated<f64>> {
        (chosen.entry.f64)(&chosen.settings)
    }
}

struct Alone<A>(A);

crate::simd! {
    fn values[A: Activation, N: Float](activation: A, z: &mut [N]) {
        let s = activation.lit::<N>();
        for z in z {
            *z = A::value(s, *z);
        }
    }
}
crate::simd! {
    fn slopes[A: Activation, N: Float](activation: A, z: &mut [N], slope: &mut [N]) {
        let s = activation.lit::<Jet<N>>();
        for (z, slope) in z.iter_mut().zip(slope) {
            let jet = A::value(s, Jet::variable(*z));
            (*z, *slope) = (jet.value, jet.first);
        }
    }
}

impl<A: Activation, N: Float> Activated<N> for Alone<A> {
    fn values(&self, z: &mut [N]) {
        values(self.0, z);
    }
    fn slopes(&self, z: &mut [N], slope: &mut [N]) {
        slopes(self.0, z, slope);
    }
}

impl Entry {
    /// The row of an activation.
    pub const fn of<A: Activation>() -> Self {
        Entry {
            name: A::NAME,
            doc: A::DOC,
            parameters: A::PARAMETERS,
            initialiser: A::INITIALISER,
            program: || {
                record(|| {
                    let names: Vec<Symbol> =
                        A::PARAMETERS.iter().map(|p| Symbol::input(p.name)).collect();
                    vec![A::value(A::with(&names), Symbol::input("z"))]
                })
            },
            jet: |settings, z| A::value(A::of(settings).lit(), Jet::variable(z)),
            f32: |settings| Box::new(Alone(A::of(settings))),
            f64: |settings| Box::new(Alone(A::of(settings))),
        }
    }
}
