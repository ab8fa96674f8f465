use super::noise::{lowest_bit, table};
use super::*;

/// Gradient, its error, the noise of the value, and how many values it took.
fn once(
    d: &mut Differences,
    x: &[f64],
    f: impl Fn(&[f64]) -> f64,
) -> (Vec<f64>, Vec<f64>, f64, u64) {
    let (mut g, mut e) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    let at = f(x);
    d.gradient(x, at, &mut |x: &[f64]| Ok::<_, ()>(f(x)), &mut g).unwrap();
    let noise = d.accuracy(&mut e);
    (g, e, noise, d.spent())
}

fn found(n: usize) -> Differences {
    Differences::new(n, Scheme::Auto, Length::Found, None)
}

#[test]
fn the_noise_of_what_is_stored_in_single_precision_or_rounded() {
    let single = |x: &[f64]| f64::from((x[0] as f32 - 3.0).powi(2) + (x[1] as f32 - 3.0).powi(2));
    let (g, e, noise, _) = once(&mut found(2), &[0.0, 0.0], single);
    assert!((3e-8..3e-5).contains(&noise), "{noise}");
    for j in 0..2 {
        assert!((g[j] + 6.0).abs() < e[j].max(1e-3) && e[j] < 0.1, "{} {}", g[j], e[j]);
    }
    let rounded = |x: &[f64]| (1e3 * (x[0] - 3.0).powi(2)).round() / 1e3;
    let (g, e, noise, _) = once(&mut found(1), &[0.0], rounded);
    assert!((5e-5..5e-3).contains(&noise) && (g[0] + 6.0).abs() < 0.3, "{noise} {g:?} {e:?}");
}

/// Variables of any size, f of any size: relative errors that the accuracy covers.
#[test]
fn units_do_not_matter() {
    for scale in [1e-9, 1e-4, 1.0, 1e5, 1e9] {
        for height in [1e-200, 1e-30, 1.0, 1e200] {
            let f = |x: &[f64]| height * (1.0 + (x[0] / scale - 3.0).powi(2) + (x[1] - 1.0).exp());
            let (g, e, _, spent) = once(&mut found(2), &[2.0 * scale, 0.5], f);
            let right = [-2.0 * height / scale, height * (-0.5f64).exp()];
            for j in 0..2 {
                let off = (g[j] - right[j]).abs() / right[j].abs();
                assert!(off < 1e-7, "{scale} {height} {j}: {off}");
                assert!(e[j] < 1e-6 * right[j].abs(), "{scale} {height} {j}: {}", e[j]);
            }
            assert!(spent <= 12, "{spent}");
        }
    }
}

/// The noise of a sum of squares falls with its root: steps aside become as short as what is left of it asks for.
#[test]
fn the_noise_of_squares_falls_with_them() {
    let f = |x: &[f64]| {
        let [a, b] = [x[0] * x[0] + x[1] - 11.0, x[0] + x[1] * x[1] - 7.0];
        a * a + b * b
    };
    let mut d = found(2);
    let along = |t: f64| [3.0 + 0.3 * t, 2.0 - 0.4 * t];
    for k in 0..8 {
        once(&mut d, &along(0.5f64.powi(k)), f);
    }
    // The eighth has measured anew.
    once(&mut d, &along(0.01), f);
    for t in [1e-4, 1e-6, 1e-8] {
        let x = along(t);
        let (g, e, _, spent) = once(&mut d, &x, f);
        let [a, b] = [x[0] * x[0] + x[1] - 11.0, x[0] + x[1] * x[1] - 7.0];
        let right = [4.0 * x[0] * a + 2.0 * b, 2.0 * a + 4.0 * x[1] * b];
        for j in 0..2 {
            let (off, size) = ((g[j] - right[j]).abs(), right[0].abs().max(right[1].abs()));
            assert!(
                off <= e[j] && off < 0.02 * size && spent == 2,
                "{t} {j}: {off} {size} {spent}"
            );
        }
    }
}

/// Slopes that jump where x stays tell that f is noisier than it was: that is measured by the next gradient.
#[test]
fn slopes_that_jump_where_x_stays() {
    let f = |x: &[f64]| {
        let random = (x[0].to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64;
        let loud = if x[0] > 3.5 { 1e-8 * random / (1u64 << 53) as f64 } else { 0.0 };
        300.0 + (-x[0]).exp() + x[1] * x[1] + loud
    };
    let mut d = found(2);
    for k in 0..5 {
        once(&mut d, &[f64::from(k), 0.1], f);
    }
    let mut last = 0.0;
    for k in 0..12 {
        let (_, _, noise, _) = once(&mut d, &[5.0 + 1e-9 * f64::from(k), 0.1], f);
        last = noise;
    }
    assert!(last > 1e-9, "{last}");
}

/// Noise that has grown since it was measured, as where large terms come to cancel, is found when it is measured again.
#[test]
fn noise_that_has_grown() {
    let f = |x: &[f64]| {
        let large = (20.0 * x[0]).exp();
        (large + (x[0] - 3.0).powi(2) + (x[1] - 1.0).powi(2)) - large
    };
    let mut d = found(2);
    let (_, _, before, _) = once(&mut d, &[0.0, 0.0], f);
    let x = [1.0, 0.5];
    let (_, _, still, _) = once(&mut d, &x, f);
    assert!(d.sharpen(true));
    let (g, e, grown, _) = once(&mut d, &x, f);
    assert!(before < 1e-14 && still < 1e-14 && (1e-9..1e-6).contains(&grown), "{still} {grown}");
    for (j, right) in [-4.0, -1.0].into_iter().enumerate() {
        assert!((g[j] - right).abs() <= 3.0 * e[j] && e[j] < 0.01, "{} {}", g[j], e[j]);
    }
    let often = (0..20).take_while(|_| d.sharpen(true) && once(&mut d, &x, f).3 > 0).count();
    assert!(often < 10, "{often}");
}

/// To one side from the second gradient on, to both sides after `sharpen`; the error said is about the error made.
#[test]
fn one_side_then_both() {
    let f = |x: &[f64]| (x[0] - 1.0).exp() + 1e4 * (x[1] - 2.0).powi(2) + x[0] * x[1];
    let right = |x: &[f64]| [(x[0] - 1.0).exp() + x[1], 2e4 * (x[1] - 2.0) + x[0]];
    let mut d = found(2);
    once(&mut d, &[0.0, 0.0], f);
    let x = [0.3, 1.9];
    let (one, said, _, spent) = once(&mut d, &x, f);
    assert_eq!(spent, 2);
    assert!(d.sharpen(false) && !d.sharpen(false));
    let (both, sharper, _, spent) = once(&mut d, &x, f);
    assert!(spent >= 4);
    for j in 0..2 {
        let off = |g: &[f64]| (g[j] - right(&x)[j]).abs();
        assert!(off(&one) <= 2.0 * said[j], "{j}: {} {}", off(&one), said[j]);
        assert!(off(&both) <= 2.0 * sharper[j], "{j}: {} {}", off(&both), sharper[j]);
        assert!(sharper[j] < 0.1 * said[j], "{j}: {} {}", sharper[j], said[j]);
    }
}

/// Far from 0 the bend is another within far less than a variable is large: the error said covers what that makes of it.
#[test]
fn a_valley_far_from_0_in_single_precision() {
    let far = [-990.0, 139.0];
    let f = |x: &[f64]| {
        let [u, v] = [(x[0] - far[0]) as f32, (x[1] - far[1]) as f32];
        f64::from(15.0 * (v - u * u).powi(2) + (1.0 - u).powi(2) + 1.0)
    };
    let right = |[u, v]: [f64; 2]| [-60.0 * u * (v - u * u) - 2.0 * (1.0 - u), 30.0 * (v - u * u)];
    let mut d = Differences::new(2, Scheme::Both, Length::Found, None);
    for u in [[0.96, -1.16], [0.3, 0.06], [0.93, 0.86], [0.937, 0.878]] {
        let (g, said, ..) = once(&mut d, &[far[0] + u[0], far[1] + u[1]], f);
        for j in 0..2 {
            let off = (g[j] - right(u)[j]).abs();
            assert!(off <= 2.0 * said[j], "{u:?} {j}: {off} {}", said[j]);
            assert!(said[j] < 0.02, "{u:?} {j}: {}", said[j]);
        }
    }
}

/// What is rounded to a few decimals takes x in all its digits, however far from 0.
#[test]
fn rounded_values_far_from_0() {
    let far = -111_153.0;
    let f = |x: &[f64]| (1e3 * (1.0 - (-(x[0] - far).powi(2)).exp())).round() / 1e3;
    let mut d = Differences::new(1, Scheme::Both, Length::Found, None);
    for (k, u) in [0.8, 0.5, 0.4].into_iter().enumerate() {
        let (g, said, ..) = once(&mut d, &[far + u], f);
        let off = (g[0] - 2.0 * u * (-u * u).exp()).abs();
        // Its first steps are as long as the variable is large, where nothing moves: that is said.
        assert!(off <= 2.0 * said[0] && (k == 0 || off < 0.05), "{u}: {off} {}", said[0]);
    }
}

#[test]
fn within_bounds_however_narrow() {
    let (low, high) = (vec![0.0, 1.0, 5.0], vec![1e-9, 1.0 + 1e-6, 5.0]);
    let inside = |x: &[f64]| x.iter().zip(&low).zip(&high).all(|((x, l), h)| l <= x && x <= h);
    let f = |x: &[f64]| {
        assert!(inside(x), "{x:?}");
        (1e9 * x[0] - 0.7).powi(2) + 1e6 * (x[1] - 1.0) + x[2]
    };
    for at in [[0.0, 1.0, 5.0], [0.4e-9, 1.0 + 1e-6, 5.0], [1e-9, 1.0 + 4e-7, 5.0]] {
        let mut d =
            Differences::new(3, Scheme::Auto, Length::Found, Some((low.clone(), high.clone())));
        for _ in 0..3 {
            let (g, ..) = once(&mut d, &at, f);
            let right = 2e9 * (1e9 * at[0] - 0.7);
            assert!((g[0] - right).abs() < 1e-5 * 1e9, "{at:?} {} {right}", g[0]);
            assert!((g[1] / 1e6 - 1.0).abs() < 1e-5 && g[2] == 0.0, "{at:?} {g:?}");
            d.sharpen(false);
        }
    }
}

#[test]
fn what_was_rounded_when_it_was_larger() {
    assert_eq!(lowest_bit(12.0), 4.0);
    assert_eq!(lowest_bit(-0.1), 2f64.powi(-55));
    assert_eq!(lowest_bit(5e-324), 5e-324);
    let mut d = found(2);
    let bowl = |x: &[f64]| 2.0 - x[0].cos() - x[1].cos();
    for at in [[1.0, 0.5], [1e-7, 3e-8], [1e-7, 2e-8]] {
        once(&mut d, &at, bowl);
    }
    assert!((1e-17..1e-14).contains(&d.accuracy(&mut [0.0; 2])));
    let squares = |x: &[f64]| x[0] * x[0] + x[1] * x[1];
    // What is exact however small is taken for nothing else.
    let mut d = found(2);
    once(&mut d, &[1e-7, 3e-8], squares);
    assert!(d.accuracy(&mut [0.0; 2]) < 1e-25);
}

/// Rounded values that rise by a step of their stairs from point to point of the table are no straight line.
#[test]
fn stairs_that_look_like_a_line() {
    let along = scattered(1)[0];
    for (slope, exact) in [(1.0, false), (2.0, false), (1.0, true), (1e-3, true), (1e6, true)] {
        let steep = slope * 1e-5 / (3e-6 * along);
        let f = |x: &[f64]| {
            let line = 1.0 + steep * (x[0] - 1.0);
            if exact { line } else { (1e5 * line).round() / 1e5 }
        };
        let mut d = found(1);
        let (g, ..) = once(&mut d, &[1.0], f);
        let noise = d.accuracy(&mut [0.0]);
        let fits =
            if exact { noise < 1e-13 * steep.max(1.0) } else { (1e-6..1e-4).contains(&noise) };
        assert!(
            fits && (g[0] - steep).abs() < 0.1 * steep,
            "{slope} {exact} {noise} {g:?} {steep}"
        );
    }
}

/// Stairs may have no fourth difference by chance; of what is smooth each difference is far less than the one before.
#[test]
fn stairs_without_a_fourth_difference_are_noise() {
    let step = f64::from(f32::EPSILON);
    let line = |to: [f64; 5]| to.map(|k| 1.0 + k * step);
    assert!(table(line([0.0, 0.0, 0.0, 1.0, 4.0])) > 0.1 * step);
    let smooth = [0.0, 1.0, 2.0, 3.0, 4.0].map(|k: f64| (1e-3 * k).exp());
    assert!(table(smooth) < 1e-11);
}

/// A stair and a constant tell nothing, and say so.
#[test]
fn what_does_not_move() {
    for stair in [|_: &[f64]| 5.0, |x: &[f64]| x[0].floor() + x[1].floor()] {
        let mut d = found(2);
        let (_, e, ..) = once(&mut d, &[0.3, 0.6], stair);
        assert!(e.iter().all(|e| *e > 0.1), "{e:?}");
    }
    // A variable that f does not depend on is no such thing.
    let (g, e, ..) = once(&mut found(2), &[0.3, 0.6], |x| x[0] * x[0]);
    assert!(g[1] == 0.0 && e[1] < 1e-6 && (g[0] - 0.6).abs() < 1e-8);
}

// A start of 1e-236 is next to nothing, and any step from it changes what is noise.
#[test]
fn noise_hides_what_a_variable_next_to_0_does_until_steps_are_long() {
    let f = |x: &[f64]| {
        let bits = x.iter().fold(7u64, |h, x| {
            (h ^ x.to_bits()).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
        });
        100.0 * (x[1] - x[0] * x[0]).powi(2) + 1e-8 * (bits as f64 / 2f64.powi(63) - 1.0)
    };
    for scheme in [Scheme::Both, Scheme::Auto] {
        let mut d = Differences::new(2, scheme, Length::Found, None);
        for _ in 0..2 {
            let (g, ..) = once(&mut d, &[0.6, -3.5e-236], f);
            assert!((g[1] + 72.0).abs() < 0.1, "{g:?}");
        }
    }
}

#[test]
fn steps_that_were_given() {
    let seen = std::cell::RefCell::new(Vec::new());
    let f = |x: &[f64]| {
        seen.borrow_mut().push(x[0]);
        x[0] * x[0]
    };
    let mut d = Differences::new(1, Scheme::One, Length::Absolute(vec![0.25]), None);
    once(&mut d, &[100.0], f);
    seen.borrow_mut().clear();
    let (g, ..) = once(&mut d, &[100.0], f);
    assert_eq!((seen.borrow()[1], g[0]), (100.25, 200.25));
    let mut d = Differences::new(1, Scheme::Both, Length::Relative(vec![0.01]), None);
    seen.borrow_mut().clear();
    let (g, ..) = once(&mut d, &[100.0], f);
    assert!(seen.borrow().contains(&101.0) && (g[0] - 200.0).abs() < 1e-9);
}
