//! Held against sums over all pairs and all images, written out, and against differences of the energy.
use super::{Displaced, Lattice, PairForm, Potential, Spring};
use crate::numbers::random::Random;
use crate::objective::{Ask, Objective};

const LJ: PairForm = PairForm::LennardJones { epsilon: 1.3, sigma: 0.9 };

/// Atoms near the points of a grid of so many along each edge.
fn scattered(counts: [usize; 3], apart: f64, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed, 0, 0, 0);
    let mut x = Vec::new();
    for a in 0..counts[0] {
        for b in 0..counts[1] {
            for c in 0..counts[2] {
                x.extend([a, b, c].map(|v| apart * (v as f64 + 0.3 * random.uniform())));
            }
        }
    }
    x
}

/// 4 ε ((σ/r)¹² − (σ/r)⁶) over all pairs and their images two cells around, less what makes value and force 0 at the cut-off.
fn written_out(x: &[f64], edges: [[f64; 3]; 3], repeats: [bool; 3], cut: f64, smooth: bool) -> f64 {
    let v = |r: f64| 4.0 * 1.3 * ((0.9 / r).powi(12) - (0.9 / r).powi(6));
    let slope = if smooth { (v(cut + 1e-5) - v(cut - 1e-5)) / 2e-5 } else { 0.0 };
    let range = |k: usize| if repeats[k] { -2..=2 } else { 0..=0 };
    let n = x.len() / 3;
    let mut sum = 0.0;
    for i in 0..n {
        for j in 0..n {
            for a in range(0) {
                for b in range(1) {
                    for c in range(2) {
                        let d = |k: usize| {
                            x[3 * i + k] - x[3 * j + k]
                                + [a, b, c]
                                    .iter()
                                    .zip(&edges)
                                    .map(|(&t, e)| f64::from(t) * e[k])
                                    .sum::<f64>()
                        };
                        let r = (d(0).powi(2) + d(1).powi(2) + d(2).powi(2)).sqrt();
                        if r > 0.0 && r < cut {
                            sum += 0.5 * (v(r) - v(cut) - (r - cut) * slope);
                        }
                    }
                }
            }
        }
    }
    sum
}

fn by_differences(potential: &mut Potential, x: &[f64], j: usize) -> f64 {
    let mut at = x.to_vec();
    let mut rest = vec![0.0; x.len()];
    let h = 1e-5;
    at[j] = x[j] + h;
    let above = potential.evaluate(&at, &mut rest);
    at[j] = x[j] - h;
    (potential.evaluate(&at, &mut rest) - above) / (2.0 * h)
}

#[test]
fn boxes_agree_with_all_images_written_out() {
    // The second is skewed, the third repeats along two edges only; the last is large enough for bins.
    type Cell = ([usize; 3], [[f64; 3]; 3], [bool; 3]);
    let cells: [Cell; 4] = [
        ([4, 4, 4], [[4.4, 0.0, 0.0], [0.0, 4.4, 0.0], [0.0, 0.0, 4.4]], [true; 3]),
        ([4, 4, 4], [[4.4, 0.0, 0.0], [1.5, 4.6, 0.0], [-0.8, 1.1, 4.8]], [true; 3]),
        ([4, 4, 4], [[4.4, 0.0, 0.0], [0.7, 4.6, 0.0], [0.0, 0.0, 1.0]], [true, true, false]),
        ([7, 7, 7], [[7.7, 0.0, 0.0], [0.9, 7.7, 0.0], [0.4, -0.5, 7.7]], [true; 3]),
    ];
    for (which, (counts, edges, repeats)) in cells.into_iter().enumerate() {
        for smooth in [false, true] {
            let lattice = Lattice::new(edges, repeats).unwrap();
            let cut = 1.9;
            let mut potential = Potential::pairs(LJ, Some(cut), smooth, Some(lattice)).unwrap();
            let mut x = scattered(counts, 1.1, which as u64);
            // Outside of the box, which is where walks end.
            (0..3).for_each(|k| x[k] += edges[0][k] - edges[1][k]);
            let mut forces = vec![0.0; x.len()];
            let energy = potential.evaluate(&x, &mut forces);
            let expected = written_out(&x, edges, repeats, cut, smooth);
            assert!(
                (energy - expected).abs() < 1e-6 * expected.abs(),
                "{which} {smooth}: {energy} {expected}"
            );
            if smooth {
                for j in [0, 17, 100] {
                    let found = by_differences(&mut potential, &x, j);
                    let size = forces[j].abs().max(1.0);
                    assert!(
                        (forces[j] - found).abs() < 1e-5 * size,
                        "{which} {j}: {} {found}",
                        forces[j]
                    );
                }
            }
        }
    }
}

#[test]
fn bins_in_free_space_miss_nobody() {
    let x = scattered([9, 6, 5], 1.2, 7);
    let mut potential = Potential::pairs(LJ, Some(1.7), false, None).unwrap();
    let mut forces = vec![0.0; x.len()];
    let energy = potential.evaluate(&x, &mut forces);
    let expected = written_out(&x, [[0.0; 3]; 3], [false; 3], 1.7, false);
    assert!((energy - expected).abs() < 1e-9 * expected.abs(), "{energy} {expected}");
}

#[test]
fn what_was_asked_before_changes_no_bit() {
    let edges = [[8.0, 0.0, 0.0], [0.5, 8.0, 0.0], [0.0, 0.0, 8.0]];
    let new = || {
        Potential::pairs(LJ, Some(2.0), true, Some(Lattice::new(edges, [true; 3]).unwrap()))
            .unwrap()
    };
    let mut walked = new();
    let mut x = scattered([7, 7, 7], 1.1, 3);
    let mut random = Random::new(5, 0, 0, 0);
    for _ in 0..20 {
        x.iter_mut().for_each(|x| *x += 0.08 * random.normal());
        let [mut a, mut b] = [0; 2].map(|_| vec![0.0; x.len()]);
        assert_eq!(walked.evaluate(&x, &mut a).to_bits(), new().evaluate(&x, &mut b).to_bits());
        assert!(a.iter().zip(&b).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
}

#[test]
fn forces_are_what_the_energy_falls_by() {
    let x = scattered([3, 2, 2], 1.1, 1);
    let springs = (1..x.len() / 3).map(|j| Spring {
        ends: [j - 1, j],
        stiffness: 2.0 + j as f64,
        length: 0.8,
    });
    let kinds = [
        Potential::pairs(LJ, None, true, None),
        Potential::pairs(LJ, Some(1.6), true, None),
        Potential::pairs(
            PairForm::Morse { depth: 2.0, steepness: 3.0, distance: 1.2 },
            None,
            true,
            None,
        ),
        Potential::pairs(
            PairForm::Morse { depth: 2.0, steepness: 3.0, distance: 1.2 },
            Some(1.9),
            true,
            None,
        ),
        Potential::pairs(PairForm::Yukawa { strength: 1.5, screening: 0.7 }, None, true, None),
        Ok(Potential::springs(springs.collect(), None)),
    ];
    for (which, kind) in kinds.into_iter().enumerate() {
        let mut potential = kind.unwrap();
        let mut forces = vec![0.0; x.len()];
        potential.evaluate(&x, &mut forces);
        for (j, &force) in forces.iter().enumerate() {
            let found = by_differences(&mut potential, &x, j);
            assert!(
                (force - found).abs() < 1e-5 * force.abs().max(1.0),
                "{which} {j}: {force} {found}"
            );
        }
    }
}

#[test]
fn cells_and_cut_offs_that_cannot_be_are_refused() {
    let flat = Lattice::new([[1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 3.0]], [true; 3]);
    assert!(flat.unwrap_err().why.contains("volume"));
    // Heights are shorter than edges in a skewed cell: half of 2.0 is the most, not half of 4.
    let skewed =
        Lattice::new([[4.0, 0.0, 0.0], [12.0_f64.sqrt(), 2.0, 0.0], [0.0, 0.0, 9.0]], [true; 3])
            .unwrap();
    assert!(Potential::pairs(LJ, Some(0.99), true, Some(skewed.clone())).is_ok());
    assert!(
        Potential::pairs(LJ, Some(1.01), true, Some(skewed.clone()))
            .unwrap_err()
            .why
            .contains("half")
    );
    assert!(Potential::pairs(LJ, None, true, Some(skewed)).is_err());
}

#[test]
fn atoms_on_each_other_are_named() {
    let mut x = scattered([7, 6, 6], 1.1, 2);
    let lattice =
        Lattice::new([[9.0, 0.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 9.0]], [true; 3]).unwrap();
    let potential = Potential::pairs(LJ, Some(2.0), true, Some(lattice)).unwrap();
    assert_eq!(potential.coincident(&x, 1e-6), None);
    for k in 0..3 {
        x[3 * 90 + k] = x[3 * 4 + k] + if k == 1 { 9.0 } else { 0.0 };
    }
    assert_eq!(potential.coincident(&x, 1e-6), Some([4, 90]));
}

#[test]
fn springs_go_the_shortest_way_in_skewed_cells() {
    // Rounding shares of the edges finds another image in each of these; the last repeats along one edge, then two.
    let cells = [
        ([[4.0, 0.0, 0.0], [1.0, 4.0, 0.0], [0.0, 0.0, 4.0]], [true; 3]),
        ([[4.0, 0.0, 0.0], [12.0_f64.sqrt(), 2.0, 0.0], [0.0, 0.0, 9.0]], [true; 3]),
        ([[3.0, 0.0, 0.0], [7.0, 2.0, 0.0], [-5.0, 6.0, 2.5]], [true; 3]),
        ([[2.0, 0.1, 0.0], [-1.0, 1.8, 0.0], [-0.9, -1.8, 0.4]], [true; 3]),
        ([[4.0, 0.0, 0.0], [3.0, 2.0, 1.0], [0.0, 2.0, 3.0]], [true, false, false]),
        ([[4.0, 0.0, 0.0], [3.0, 2.0, 1.0], [0.0, 2.0, 3.0]], [true, false, true]),
    ];
    let mut random = Random::new(11, 0, 0, 0);
    for (which, (edges, repeats)) in cells.into_iter().enumerate() {
        let spring = Spring { ends: [0, 1], stiffness: 2.0, length: 0.0 };
        let lattice = Lattice::new(edges, repeats).unwrap();
        let mut potential = Potential::springs(vec![spring], Some(lattice));
        // So far that no image within 11 is left out in any of them.
        let most = [60, 20, 12];
        let range = |k: usize| if repeats[k] { -most[k]..=most[k] } else { 0..=0 };
        for _ in 0..8 {
            let d = [0; 3].map(|_| 12.0 * (random.uniform() - 0.5));
            let mut least = f64::INFINITY;
            for a in range(0) {
                for b in range(1) {
                    for c in range(2) {
                        let image = |k: usize| {
                            let turns = [a, b, c].map(f64::from);
                            d[k] + (0..3).map(|e| turns[e] * edges[e][k]).sum::<f64>()
                        };
                        least = least.min((0..3).map(|k| image(k) * image(k)).sum());
                    }
                }
            }
            let x = [d, [0.0; 3]].concat();
            let energy = potential.evaluate(&x, &mut [0.0; 6]);
            assert!((energy - least).abs() < 1e-9 * (1.0 + least), "{which}: {energy} {least}");
        }
    }
}

#[test]
fn atoms_very_far_apart_are_not_on_each_other() {
    let potential = Potential::pairs(LJ, None, true, None).unwrap();
    let far = [0.0, 0.0, 0.0, 1e200, 0.0, 0.0, 0.0, -1e200, 0.0];
    assert_eq!(potential.coincident(&far, 1e188), None);
}

#[test]
fn what_is_preconditioned_undoes_the_bends_of_what_holds_atoms() {
    let x = scattered([3, 2, 2], 1.1, 4);
    let n = x.len() / 3;
    let mut random = Random::new(3, 0, 0, 0);
    // Of springs that are all stretched the positive part is the whole.
    let pairs = (0..n).flat_map(|i| (0..i).map(move |j| [i, j]));
    let springs = pairs.map(|ends| Spring { ends, stiffness: 2.0, length: 0.3 }).collect();
    let unit = 0.8;
    for held in [false, true] {
        let free = held.then(|| (0..x.len()).filter(|i| *i > 2 && *i != 7).collect::<Vec<_>>());
        let potential = Potential::springs(Vec::clone(&springs), None);
        let mut displaced = Displaced::new(potential, x.clone(), free, unit);
        let dim = Displaced::dim(&displaced);
        let y = vec![1.0; dim];
        let of: Vec<f64> = (0..dim).map(|_| random.normal()).collect();
        let (mut step, mut reach) = (vec![0.0; dim], 0.0);
        let asks = &mut [Ask::Preconditioned { of: &of, to: &mut step, reach: &mut reach }];
        displaced.asked(&y, asks).unwrap();
        assert!(reach > 0.0);
        let [mut above, mut below] = [1e-4, -1e-4].map(|h| {
            let at: Vec<f64> = y.iter().zip(&step).map(|(y, s)| y + h * s).collect();
            let mut g = vec![0.0; dim];
            displaced.evaluate(&at, &mut g);
            g
        });
        above.iter_mut().zip(&mut below).for_each(|(a, b)| *a = (*a - *b) / 2e-4);
        let left: f64 = above.iter().zip(&of).map(|(a, of)| (a - of) * (a - of)).sum();
        let whole: f64 = of.iter().map(|of| of * of).sum();
        // Within what conjugate gradients leave; rigid motions, where nothing holds them, are the added diagonal's.
        assert!(left < if held { 0.1 } else { 0.3 } * whole, "{held}: {left} of {whole}");
    }
}

#[test]
fn bends_are_the_changes_of_slopes() {
    let forms = [
        LJ,
        PairForm::Morse { depth: 2.0, steepness: 3.0, distance: 1.2 },
        PairForm::Yukawa { strength: 1.5, screening: 0.7 },
    ];
    for form in forms {
        for r in [0.8, 1.0, 1.3, 2.0f64] {
            let slope = |r: f64| form.at(r * r).1 * r;
            let found = (slope(r + 1e-5) - slope(r - 1e-5)) / 2e-5;
            let (bend, over) = form.bends(r * r);
            assert!((over - form.at(r * r).1).abs() < 1e-12 * over.abs(), "{form:?} {r}");
            assert!(
                (bend - found).abs() < 1e-6 * (1.0 + bend.abs()),
                "{form:?} {r}: {bend} {found}"
            );
        }
        if let Some(r) = form.inflection() {
            let [here, nearer] = [r * r, 0.64 * r * r].map(|q| form.bends(q).0.abs());
            assert!(here < 1e-9 * nearer, "{form:?}");
        }
    }
}
