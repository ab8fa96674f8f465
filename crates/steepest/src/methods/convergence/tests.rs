use super::*;

fn at(value: f64, predicted: Option<f64>) -> Sight {
    Sight::new(value, 1.0, predicted)
}

#[test]
fn all_are_asked_for_in_any_unit() {
    for unit in [1.0, 1e-200, 1e200] {
        let mut c = Claims::new(2.0 * unit, 1e-6, -1.0, -1.0);
        assert!(!c.converged(at(2.0 * unit, None), || 0.0));
        for k in 0..11 {
            c.took(unit);
            let small = at(unit, Some(0.5 * c.fine(unit, 0.0)));
            assert_eq!(c.converged(small, || 0.0), k == 10, "{k} steps at {unit}");
        }
        assert!(!c.converged(at(unit, Some(1e-9 * unit)), || 0.0));
        assert!(!c.converged(at(unit, Some(1e-16 * unit)), || 1e-9 * unit));
        assert_eq!(c.at_rest(unit, 1e-16 * unit, c.rounding(unit)), Status::PrecisionLimit);
        assert_eq!(c.at_rest(unit, 1e-6 * unit, c.rounding(unit)), Status::Plateau);
        // Of far less than what counts no ten steps are waited for.
        let mut c = Claims::new(2.0 * unit, 1e-6, -1.0, -1.0);
        c.took(unit);
        assert!(!c.converged(at(unit, Some(2e-4 * c.fine(unit, 0.0))), || 0.0));
        assert!(c.converged(at(unit, Some(9e-5 * c.fine(unit, 0.0))), || 0.0));
        let bound = c.certificate(at(unit, Some(1e-13 * unit)), false, 0.0);
        assert!(bound.bound <= bound.target);
    }
}

#[test]
fn twenty_idle_steps_are_the_end() {
    let mut c = Claims::new(5.0, 1e-6, -1.0, -1.0);
    assert!(!c.took(4.0));
    assert_eq!((0..20).position(|_| c.took(4.0)), Some(19));
}

#[test]
fn a_start_from_afar_makes_nothing_small() {
    let mut c = Claims::new(1e8, 1e-6, -1.0, -1.0);
    for value in [1e6, 3.0, 2.0, 1.0, 0.5, 0.25] {
        c.took(value);
    }
    assert!(c.small(0.25) < 1e-9);
}

#[test]
fn scipys_criteria_where_asked_for() {
    let mut c = Claims::new(5.0, 1e-6, 1e-5, -1.0);
    let slope = |value, slope| Sight::new(value, slope, None);
    assert!(c.converged(slope(5.0, 1e-5), || 1.0) && !c.converged(slope(5.0, 2e-5), || 0.0));
    c.took(4.0);
    assert!(!c.converged(slope(4.0, 1.0), || 0.0));
}

#[test]
fn slopes_gainsay_by_what_they_make_of_the_way_back() {
    for unit in [1.0, 1e-200, 1e200] {
        let mut c = Claims::new(2.0 * unit, 1e-6, -1.0, -1.0);
        (0..12).for_each(|_| assert!(!c.took(unit)));
        let back = |of: [f64; 3]| {
            let [certain, seen, possible] = of.map(|of| of * unit);
            Some(WayBack { certain, seen, possible, near: f64::INFINITY })
        };
        let held = |left: f64, of| Sight { back: back(of), ..at(unit, Some(left * unit)) };
        let hasty = |left, seen| c.hasty(held(left, [seen; 3]));
        // Beside F they are slight; where F goes to 0 that is foretold, or F is nothing of the way.
        assert!(!hasty(1e-12, 9e-3) && hasty(1e-12, 2e-2));
        assert!(!hasty(0.5, 1e5) && hasty(0.5, 1e4));
        assert!(!hasty(0.2, 2e8) && hasty(1e-3, 2e8) && !hasty(1e-3, 2e13) && hasty(1e-3, 1e4));
        assert!(!c.hasty(at(unit, Some(0.5 * unit))), "nothing was asked for");
        let gainsaid = |of, explained: f64| c.gainsaid(held(1e-12, of), explained * unit);
        assert!(!gainsaid([0.4, 9.0, 9.0], 0.0) && gainsaid([0.6, 9.0, 9.0], 0.0));
        // Noise that hides much of F leaves nothing that is little beside it.
        assert!(!gainsaid([0.0; 3], 1e-4) && gainsaid([0.0; 3], 2e-3));
        let dubious = |possible| c.dubious(held(1e-12, [0.0, 0.0, possible]), 0.0);
        assert!(!dubious(5e-4) && dubious(2e-3));
    }
}

#[test]
fn where_it_has_come_down_from_afar_what_counts_is_of_here() {
    for unit in [1.0, 1e-200, 1e200] {
        let mut c = Claims::new(1e33 * unit, 1e-6, -1.0, -1.0);
        let height = [1e25, 1e17, 1e12, 1e8].map(|f| f * unit);
        height.into_iter().for_each(|f| assert!(!c.took(f)));
        let f = height[3];
        let held = |left: f64, slopes: f64| {
            let slopes = slopes * f;
            let back =
                WayBack { certain: slopes, seen: slopes, possible: slopes, near: f64::INFINITY };
            Sight { back: Some(back), ..at(f, Some(left * f)) }
        };
        // All of F is foretold to go, as it was before; the step that brought it here took all but a ten-thousandth.
        assert!(c.hasty(held(1.0, 1e6)) && c.hasty(held(1.0, 1e10)) && !c.hasty(held(1e-15, 1e-3)));
        assert!(!c.took(0.9 * f) && !c.hasty(Sight { value: 0.9 * f, ..held(0.9, 1e6) }));
        // A step that is left next to nothing of F is no sign that F goes to 0, whatever slopes say of the way.
        assert!(
            c.hasty(held(1e-4, 1e10)) && !c.hasty(held(0.1, 1e10)) && !c.hasty(held(1e-4, 1e14))
        );
        assert!(c.stale(held(1e-15, 2e-2), 0.0) && !c.stale(held(1e-15, 9e-3), 0.0));
        assert!(c.came_down(f, 9e-4 * f) && !c.came_down(f, 2e-3 * f));
        let c = Claims::new(1e7 * f, 1e-6, -1.0, -1.0);
        assert!(!c.stale(held(1e-15, 2e-2), 0.0) && !c.came_down(f, 0.0));
    }
}

#[test]
fn the_way_back_is_of_what_is_free_and_of_slopes_with_their_noise() {
    let (g, noise) = ([1.0, -5.0, 3.0, 7.0], [0.0, 1.0, f64::INFINITY, 0.0]);
    let back = WayBack::new(&g, &noise, &[1.0, 2.0, 0.0, 1.0], &[0.0, 0.0, 1.0, 0.0], |j| j < 3);
    let near = 1e-5 + 1e-4 + 3e-12;
    assert!((back.near - near).abs() < 1e-18);
    assert_eq!(back, WayBack { certain: 3.0, seen: 14.0, possible: 16.0, near: back.near });
}

#[test]
fn a_run_that_began_low_counts_as_come_down_from_around_it() {
    for unit in [1.0, 1e-200, 1e200] {
        let (low, rest) = (1e-30 * unit, |c: &Claims, left| c.at_rest(1e-30 * unit, left, 0.0));
        let mut c = Claims::new(low, 1e-6, -1.0, -1.0);
        (0..3).for_each(|_| assert!(!c.took(low)));
        assert_eq!(rest(&c, 0.5 * low), Status::Plateau);
        assert!(
            c.nothing_of(low, unit) && !c.nothing_of(low, 1e10 * low) && !c.nothing_of(0.0, 0.0)
        );
        c.saw(unit);
        assert_eq!(rest(&c, 0.5 * low), Status::PrecisionLimit);
        assert_eq!(rest(&c, 1e-10 * unit), Status::Plateau);
        // Where all of F is next to nothing around, so is noise beside it; elsewhere it may hide a valley.
        assert_eq!(c.limit(low, 1e-11 * unit), Status::PrecisionLimit);
        assert_eq!(c.limit(low, 1e-9 * unit), Status::NoiseFloor);
        assert_eq!(c.limit(1e-12 * unit, 1e-14 * unit), Status::NoiseFloor);
    }
}

#[test]
fn where_f_goes_to_0_the_step_there_is_to_be_short() {
    for unit in [1.0, 1e-200, 1e200] {
        let mut c = Claims::new(1e22 * unit, 1e-6, -1.0, -1.0);
        (1..22).for_each(|k| assert!(!c.took(10f64.powi(22 - k) * unit)));
        let held = |left: f64, near: f64| {
            let back = WayBack { seen: 1e14 * unit, near: near * unit, ..WayBack::default() };
            Sight { back: Some(back), ..at(unit, Some(left * unit)) }
        };
        assert!(c.far_off(held(0.9, 1.7)) && !c.far_off(held(0.9, 1.9)));
        assert!(c.hasty(held(0.9, 1.7)) && !c.hasty(held(0.9, 1.9)));
        // What stands on something is looked at so only where steps creep.
        assert!(!c.far_off(held(0.1, 0.0)) && c.clone().slow().far_off(held(0.1, 0.0)));
        assert!(!c.slow().far_off(held(1e-7, 0.0)));
    }
}
