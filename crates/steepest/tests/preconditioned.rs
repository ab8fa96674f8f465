//! What an objective offers as a preconditioner is taken where it is known, and changes nothing that is claimed.
use steepest::descend::{Descent, Solution};
use steepest::energy::{Displaced, Lattice, PairForm, Potential};
use steepest::methods::{METHODS, at_work};
use steepest::numbers::random::Random;
use steepest::objective::{Ask, Objective, Offers, Rows, Sorted, Work};
use steepest::penalties::none::NoPenalty;
use steepest::penalty::PerCoordinate;
use steepest::status::{Halt, Status};
use steepest::watch::{Stop, Unwatched};

/// Σ b_j (d_j² / 2 + 0.3 (1 − cos d_j)), d = x / size − 1, and b / size² as its preconditioner where `offered`; how often it
/// was asked.
struct Bowl {
    bends: Vec<f64>,
    sizes: Vec<f64>,
    offered: bool,
    known: bool,
    asked: usize,
}

impl Objective for Bowl {
    fn offers(&self) -> Offers {
        Offers { preconditioner: self.offered, ..Offers::gradients(self.bends.len()) }
    }
    fn answer(
        &mut self,
        x: &[f64],
        rows: Rows<'_>,
        asks: &mut [Ask<'_>],
        _: &mut Work<'_>,
    ) -> Result<(), Halt> {
        rows.all()?;
        let Sorted { value, gradient, others } = Sorted::of(asks);
        let each = || self.bends.iter().zip(&self.sizes);
        let terms = || each().zip(x).map(|((b, s), x)| (b, s, x / s - 1.0));
        if let Some(to) = value {
            // By half the angle: the least value is 0 to its last digit.
            let one = |d: f64| 0.5 * d * d + 0.6 * (0.5 * d).sin().powi(2);
            *to = terms().map(|(b, _, d)| b * one(d)).sum();
        }
        if let Some(to) = gradient {
            let of = to.iter_mut().zip(terms());
            of.for_each(|(to, (b, s, d))| *to = b / s * (d + 0.3 * d.sin()));
        }
        for ask in others {
            match ask {
                Ask::Preconditioned { of, to, reach } if self.offered => {
                    self.asked += 1;
                    **reach = if self.known { 1e8 } else { 0.0 };
                    let of = to.iter_mut().zip(*of).zip(each());
                    of.for_each(|((to, of), (b, s))| *to = of * s * s / b);
                }
                other => other.unknown()?,
            }
        }
        Ok(())
    }
}

fn descended(
    objective: &mut dyn Objective,
    method: &str,
    gtol: f64,
    x0: &[f64],
    stops: &[u64],
) -> Solution {
    let penalty = PerCoordinate::uniform(NoPenalty::default(), 1.0, x0.len());
    let entry = METHODS.iter().find(|m| m.name == method).unwrap();
    let build = || {
        let one =
            |p: &steepest::settings::Parameter| if p.name == "gtol" { gtol } else { p.default };
        at_work(entry, &entry.parameters.iter().map(one).collect::<Vec<f64>>())
    };
    let mut descent = Descent::new(build(), x0, Stop::default());
    while descent.advance(objective, &penalty, &mut Unwatched).unwrap() {
        if stops.contains(&descent.counts.iterations) {
            let saved = descent.save(objective).unwrap();
            descent = Descent::new(build(), x0, Stop::default());
            descent.load(objective, &penalty, saved).unwrap();
        }
    }
    descent.settle(objective, &penalty).unwrap();
    descent.solution()
}

fn bowl(sizes: &[f64], offered: bool, known: bool) -> Bowl {
    // More variables than pairs.
    let bends = (0..60).map(|j| 10f64.powf(j as f64 / 20.0)).collect();
    Bowl { bends, sizes: sizes.to_vec(), offered, known, asked: 0 }
}

#[test]
fn it_saves_evaluations_in_any_units_and_is_not_missed_where_it_is_not_known() {
    // Sizes far apart are measured in units of their own.
    let apart: Vec<f64> = (0..60).map(|j| 10f64.powi(j % 7)).collect();
    for (sizes, times) in [(vec![1.0; 60], 0.0), (apart, 2.0)] {
        let x0: Vec<f64> = sizes.iter().map(|s| times * s).collect();
        let [mut with, mut without, mut unknown] =
            [(true, true), (false, true), (true, false)].map(|(o, k)| bowl(&sizes, o, k));
        let plain = descended(&mut without, "lbfgs", 1e-6, &x0, &[]);
        let led = descended(&mut with, "lbfgs", 1e-6, &x0, &[]);
        let lost = descended(&mut unknown, "lbfgs", 1e-6, &x0, &[]);
        for found in [&plain, &led, &lost] {
            assert_eq!(found.status, Status::Converged);
            let mut g = vec![0.0; 60];
            without.gradient(&found.x, &mut g).unwrap();
            assert!(g.iter().all(|g| g.abs() <= 1e-6), "{g:?}");
        }
        assert!(with.asked > 0 && unknown.asked > 0 && without.asked == 0);
        let [few, many, lost] = [led, plain, lost].map(|s| s.counts.values);
        assert!(2 * few < many, "{few} of {many}");
        assert!(lost < 2 * many, "{lost} of {many}");
    }
}

#[test]
fn other_directions_do_not_ask_for_it() {
    for method in ["bfgs", "nonlinear_cg", "truncated_newton", "gradient_descent"] {
        let [mut with, mut without] = [true, false].map(|offered| bowl(&[1.0; 60], offered, true));
        let [a, b] = [&mut with, &mut without].map(|o| descended(o, method, 1e-3, &[0.0; 60], &[]));
        assert_eq!(
            (a.value.to_bits(), a.counts.values),
            (b.value.to_bits(), b.counts.values),
            "{method}"
        );
        assert_eq!(with.asked, 0, "{method}");
    }
}

/// The same energy, whose preconditioner is kept from whoever asks.
struct Without(Displaced);

impl Objective for Without {
    fn offers(&self) -> Offers {
        Offers { preconditioner: false, ..self.0.offers() }
    }
    fn wrapped(&self) -> Option<&dyn Objective> {
        Some(&self.0)
    }
    fn wrapped_mut(&mut self) -> Option<&mut dyn Objective> {
        Some(&mut self.0)
    }
    fn answer(
        &mut self,
        x: &[f64],
        rows: Rows<'_>,
        asks: &mut [Ask<'_>],
        work: &mut Work<'_>,
    ) -> Result<(), Halt> {
        self.0.answer(x, rows, asks, work)
    }
}

const LJ: PairForm = PairForm::LennardJones { epsilon: 1.0, sigma: 1.0 };

/// Copper's lattice of so many cells along each edge, each coordinate moved a little.
fn lattice(cells: usize, edge: f64, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed, 0, 0, 0);
    let corners = [[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]];
    let mut x = Vec::new();
    for cell in 0..cells.pow(3) {
        let at = [cell / (cells * cells), cell / cells % cells, cell % cells];
        for corner in corners {
            x.extend((0..3).map(|k| edge * (at[k] as f64 + corner[k]) + 0.1 * random.normal()));
        }
    }
    x
}

#[test]
fn atoms_take_fewer_calls_in_free_space_with_some_held_and_in_a_box() {
    let edge = 1.57;
    let box_of = |cells: usize| {
        let long = edge * cells as f64;
        let edges = [[long, 0.0, 0.0], [0.0, long, 0.0], [0.0, 0.0, long]];
        Potential::pairs(LJ, Some(2.3), true, Some(Lattice::new(edges, [true; 3]).unwrap()))
            .unwrap()
    };
    let alone = || Potential::pairs(LJ, None, true, None).unwrap();
    let morse = PairForm::Morse { depth: 2.0, steepness: 5.0, distance: 1.1 };
    // Of some atoms all coordinates are held, of another one.
    let some =
        |n: usize| Some((0..3 * n).filter(|i| i / 3 % 5 != 0 && *i != 5).collect::<Vec<usize>>());
    let cases = [
        (alone(), 2, None),
        (alone(), 3, some(108)),
        (Potential::pairs(morse, None, true, None).unwrap(), 2, None),
        (box_of(3), 3, None),
        (box_of(3), 3, some(108)),
    ];
    let mut all = [0, 0];
    for (which, (potential, cells, free)) in cases.into_iter().enumerate() {
        let displaced = Displaced::new(potential, lattice(cells, edge, which as u64), free, 1.1);
        let y0 = vec![1.0; Displaced::dim(&displaced)];
        let (mut with, mut without) = (displaced.clone(), Without(displaced));
        let led = descended(&mut with, "lbfgs", 1e-5, &y0, &[]);
        let plain = descended(&mut without, "lbfgs", 1e-5, &y0, &[]);
        assert_eq!(
            (&led.status, &plain.status),
            (&Status::Converged, &Status::Converged),
            "{which}"
        );
        let mut g = vec![0.0; y0.len()];
        with.evaluate(&led.x, &mut g);
        assert!(g.iter().all(|g| g.abs() <= 1e-5), "{which}");
        let [few, many] = [led.counts.values, plain.counts.values];
        assert!(5 * few < 4 * many, "{which}: {few} of {many}");
        all = [all[0] + few, all[1] + many];
        // Stopped, saved and gone on with: the same bits, whoever had asked before.
        let again = descended(&mut with.clone(), "lbfgs", 1e-5, &y0, &[1, 4, 5, 11]);
        assert_eq!(again.counts.values, led.counts.values, "{which}");
        assert!(again.x.iter().zip(&led.x).all(|(a, b)| a.to_bits() == b.to_bits()), "{which}");
    }
    assert!(3 * all[0] < 2 * all[1], "{all:?}");
}

#[test]
fn a_potential_that_holds_nothing_in_place_has_none() {
    let yukawa = PairForm::Yukawa { strength: 1.0, screening: 0.5 };
    let potential = Potential::pairs(yukawa, None, true, None).unwrap();
    let mut displaced = Displaced::new(potential, lattice(1, 1.5, 0), None, 1.0);
    assert!(!displaced.offers().preconditioner);
    let (mut to, mut reach) = ([0.0; 12], 0.0);
    let asks = &mut [Ask::Preconditioned { of: &[1.0; 12], to: &mut to, reach: &mut reach }];
    let Err(Halt::Failed(why)) = displaced.asked(&[1.0; 12], asks) else { panic!("it is refused") };
    assert!(why.to_string().contains("preconditioner"), "{why}");
}
