//! What a wrapper is held to: nothing of what it stands around is lost unheard.
use super::{Ask, Objective, Offers, Rows, Sorted, Work};
use crate::penalties::none::NoPenalty;
use crate::penalty::PerCoordinate;
use crate::state::{Bad, State, Visitor};
use crate::status::Halt;
use crate::table::OfRows;
use std::ops::Range;

const DIM: usize = 3;

/// An objective that has all there is, and says that it was asked.
#[derive(Default)]
pub(crate) struct Whole {
    asked: f64,
}

impl State for Whole {
    fn visit(&mut self, v: &mut Visitor<'_>) -> Result<(), Bad> {
        v.field("asked", &mut self.asked)
    }
}

impl Objective for Whole {
    fn offers(&self) -> Offers {
        Offers {
            terms: 4,
            products: true,
            hessian: true,
            preconditioner: true,
            differences: 5,
            reads: 1.0,
            constraints: 2,
            residuals: 2,
            scalable: false,
            ..Offers::gradients(DIM)
        }
    }
    fn answer(
        &mut self,
        x: &[f64],
        _: Rows<'_>,
        asks: &mut [Ask<'_>],
        work: &mut Work<'_>,
    ) -> Result<(), Halt> {
        self.asked += 1.0;
        work.values += 7;
        let square = |x: &[f64]| 0.5 * x.iter().map(|x| x * x).sum::<f64>();
        let Sorted { value, gradient, others } = Sorted::of(asks);
        value.into_iter().for_each(|to| *to = square(x));
        gradient.into_iter().for_each(|to| to.copy_from_slice(x));
        for ask in others {
            match ask {
                Ask::Product { along, to } => to.copy_from_slice(along),
                Ask::Preconditioned { of, to, reach } => {
                    to.copy_from_slice(of);
                    **reach = 1.0;
                }
                Ask::Accuracy { value, gradient } => {
                    **value = 0.25;
                    gradient.fill(0.25);
                }
                Ask::Sharpen { done, .. } => **done = true,
                Ask::Hessian(to) | Ask::Constraints(to) | Ask::Jacobian(to) => to.fill(0.5),
                Ask::Pull { to, .. } | Ask::Least { to, .. } => to.fill(0.5),
                Ask::Residuals { to, slope, bend } => {
                    [to, slope, bend].into_iter().for_each(|to| to.fill(0.5));
                }
                ask @ (Ask::Rows(_) | Ask::Value(_) | Ask::Gradient(_)) => ask.unknown()?,
            }
        }
        Ok(())
    }
    fn state(&mut self) -> Option<&mut dyn State> {
        Some(self)
    }
    fn tensors(&self) -> Vec<Vec<usize>> {
        vec![vec![1], vec![1, 2]]
    }
    fn blocks(&self) -> Vec<Range<usize>> {
        vec![0..1, 1..DIM]
    }
    fn limits(&self) -> (&[f64], &[f64]) {
        (&[-1.0, 0.0], &[1.0, 0.0])
    }
}

/// What a question is answered with: whether it is answered, or refused by its name; nothing else is allowed.
fn answered(objective: &mut dyn Objective, ask: &mut Ask<'_>) -> bool {
    let x = vec![0.5; objective.dim()];
    let mut pause = || Ok(());
    let mut work = Work::new(&mut pause);
    match objective.answer(&x, Rows::All, std::slice::from_mut(ask), &mut work) {
        Ok(()) => true,
        Err(Halt::Failed(why)) => {
            assert!(why.to_string().contains(ask.what()), "{}: {why}", ask.what());
            false
        }
        Err(other) => panic!("{}: {other:?}", ask.what()),
    }
}

/// That a wrapper answers what it offers and refuses everything else by name, and that it is alike in all that is not
/// asked: units of memory, tensors, blocks, limits.
pub(crate) fn keeps(wrapper: &mut dyn Objective) {
    let offers = wrapper.offers();
    let within = wrapper.wrapped_mut().expect("a wrapper says what it stands around");
    let (under, tensors, blocks) = (within.offers(), within.tensors(), within.blocks());
    let (low, high) = within.limits();
    let limits = (low.to_vec(), high.to_vec());
    let (state, mut exact) = (within.state().is_some(), 0.0);
    within
        .asked(
            &vec![0.5; under.dim],
            &mut [Ask::Accuracy { value: &mut exact, gradient: &mut vec![0.0; under.dim] }],
        )
        .expect("an accuracy is never refused");
    let n = offers.dim;
    assert_eq!(n, under.dim);
    assert_eq!((offers.reads, offers.differences), (under.reads, under.differences), "the costs");
    assert_eq!(offers.scalable, under.scalable, "whether units may be set");
    assert_eq!(wrapper.state().is_some(), state, "its state");
    assert_eq!(wrapper.tensors(), tensors, "its tensors");

    let free = PerCoordinate::uniform(NoPenalty::default(), 1.0, n);
    let (mut value, mut reach, mut noise, mut done) = (0.0, 0.0, 0.0, false);
    let v = vec![1.0; n];
    let room = || vec![0.0; n * n.max(under.residuals)];
    let m = (under.constraints, under.residuals);
    // What is asked of a wrapper that offers it is answered.
    assert!(answered(wrapper, &mut Ask::Value(&mut value)));
    assert!(answered(wrapper, &mut Ask::Gradient(&mut room()[..n])));
    let product = answered(wrapper, &mut Ask::Product { along: &v, to: &mut room()[..n] });
    assert!(product || !offers.products, "products");
    let hessian = answered(wrapper, &mut Ask::Hessian(&mut room()[..n * n]));
    assert!(hessian || !offers.hessian, "Hessians");
    let (of, to) = (&v[..], &mut room()[..n]);
    let led = answered(wrapper, &mut Ask::Preconditioned { of, to, reach: &mut reach });
    assert_eq!(led, offers.preconditioner, "preconditioner");
    let held = answered(wrapper, &mut Ask::Constraints(&mut vec![0.0; m.0]));
    assert_eq!(held, offers.constraints > 0, "constraints");
    let by = vec![1.0; m.0];
    let pulled = answered(wrapper, &mut Ask::Pull { by: &by, to: &mut room()[..n] });
    assert_eq!(pulled, offers.constraints > 0, "gradients of constraints");
    let want = if offers.constraints > 0 { limits } else { (vec![], vec![]) };
    let (low, high) = wrapper.limits();
    assert_eq!((low.to_vec(), high.to_vec()), want, "limits");
    let [mut r, mut slope, mut bend] = [0; 3].map(|_| vec![0.0; m.1]);
    let (to, slope, bend) = (&mut r[..], &mut slope[..], &mut bend[..]);
    let split = answered(wrapper, &mut Ask::Residuals { to, slope, bend });
    assert_eq!(split, offers.residuals > 0, "residuals");
    let jacobian = answered(wrapper, &mut Ask::Jacobian(&mut room()[..m.1 * n]));
    assert_eq!(jacobian, offers.residuals > 0, "derivatives of residuals");
    let least = Ask::Least { block: 0, penalty: &free, to: &mut room()[..n] };
    let least = answered(wrapper, &mut { least });
    assert_eq!(wrapper.blocks(), if least { blocks } else { vec![] }, "blocks");
    let mut found = None;
    let rows = answered(wrapper, &mut Ask::Rows(OfRows::NotFinite(&mut found)));
    assert_eq!(rows, offers.table.is_some(), "rows of a table");
    // What is not refused is not forgotten: an accuracy in units of its own, a sharper gradient.
    let gradient = &mut room()[..n];
    assert!(answered(wrapper, &mut Ask::Accuracy { value: &mut noise, gradient }));
    assert_eq!(noise > 0.0, exact > 0.0, "accuracies");
    assert!(answered(wrapper, &mut Ask::Sharpen { louder: false, done: &mut done }));
    if let Some(Ok(sharp)) = wrapper.wrapped_mut().map(|w| {
        let mut sharp = false;
        w.asked(&v, &mut [Ask::Sharpen { louder: false, done: &mut sharp }]).map(|()| sharp)
    }) {
        assert_eq!(done, sharp, "sharper gradients");
    }
}
