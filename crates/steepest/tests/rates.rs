//! What every schedule must do; a new entry of the registry is tested without a line here.
use steepest::numbers::trace::Program;
use steepest::rate::Entry;
use steepest::rates::RATES;

/// The defaults, and each setting at its ends, where these are numbers that somebody may give.
fn settings(e: &Entry) -> Vec<Vec<f64>> {
    let defaults: Vec<f64> = e.parameters.iter().map(|p| p.default).collect();
    let ends = e.parameters.iter().enumerate().flat_map(|(i, p)| {
        let with = |end: f64| {
            let mut all = defaults.clone();
            all[i] = end;
            all
        };
        [p.low, p.high].into_iter().filter(|end| end.abs() <= 1e3).map(with).collect::<Vec<_>>()
    });
    std::iter::once(defaults.clone()).chain(ends).collect()
}

fn traced(e: &Entry, program: &Program, settings: &[f64], at: [f64; 3], state: &[f64]) -> Vec<f64> {
    let [done, step, value] = at;
    let named = |name: &str| match name {
        "done" => Some(done),
        "step" => Some(step),
        "value" => Some(value),
        name => (e.parameters.iter().position(|p| p.name == name).map(|i| settings[i]))
            .or_else(|| e.state.iter().position(|s| *s == name).map(|i| state[i])),
    };
    program.evaluate(named).expect("the program has the schedule's own inputs")
}

/// All along a run whose value falls and then stays.
#[test]
fn a_factor_is_a_number_that_is_not_negative_and_what_was_recorded_says_the_same() {
    const STEPS: usize = 200;
    for e in RATES {
        let programs = (e.programs)();
        let recorded = |stage: &str| {
            programs.iter().find(|(name, _)| *name == stage).map(|(_, program)| program)
        };
        let factors = recorded("factor").expect("every schedule has a factor");
        for settings in settings(e) {
            let mut state = vec![0.0; e.state.len()];
            for k in 0..STEPS {
                let (done, step) = (k as f64 / STEPS as f64, 1.0 + k as f64);
                let at = [done, step, 1.0 + 0.9f64.powi(k.min(50) as i32)];
                let factor = (e.factor)(&settings, done, step, &state);
                let name = e.name;
                assert!(
                    factor.is_finite() && factor >= 0.0,
                    "{name} {settings:?} at {at:?}: {factor}"
                );
                let same = traced(e, factors, &settings, at, &state)[0];
                assert!(
                    (same - factor).abs() <= 1e-12 * factor.abs(),
                    "{name} {settings:?} at {at:?}: compiled {factor}, recorded {same}"
                );
                let before = state.clone();
                (e.look)(&settings, at[2], &mut state);
                if let Some(look) = recorded("look") {
                    let same = traced(e, look, &settings, at, &before);
                    assert_eq!(state, same, "{name} {settings:?} at {at:?}: what it remembers");
                }
            }
        }
    }
}
