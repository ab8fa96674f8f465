//! Line searches by themselves: Moré and Thuente's six functions with the starts that they published, and lines that no
//! search may hang on.
use std::convert::Infallible;
use steepest::search::{Entry, Line, Phi, Searching, TRIALS, along};
use steepest::searches::SEARCHES;
use steepest::searches::more_thuente::MoreThuente;
use steepest::settings::Described;

type Function = fn(f64) -> [f64; 2];

/// Moré and Thuente 1994, section 5.
const FUNCTIONS: [Function; 6] = [
    |a| {
        let below = a * a + 2.0;
        [-a / below, (a * a - 2.0) / (below * below)]
    },
    |a| {
        let t: f64 = a + 0.004;
        [t.powi(5) - 2.0 * t.powi(4), 5.0 * t.powi(4) - 8.0 * t.powi(3)]
    },
    |a| {
        let (beta, l) = (0.01, 39.0 * std::f64::consts::FRAC_PI_2);
        let [f, d] = match a {
            _ if a <= 1.0 - beta => [1.0 - a, -1.0],
            _ if a >= 1.0 + beta => [a - 1.0, 1.0],
            _ => [((a - 1.0).powi(2) / beta + beta) / 2.0, (a - 1.0) / beta],
        };
        [f + (1.0 - beta) / l * (l * a).sin(), d + (1.0 - beta) * (l * a).cos()]
    },
    |a| yanai(0.001, 0.001, a),
    |a| yanai(0.01, 0.001, a),
    |a| yanai(0.001, 0.01, a),
];

fn yanai(b1: f64, b2: f64, a: f64) -> [f64; 2] {
    let gamma = |b: f64| (1.0 + b * b).sqrt() - b;
    let (p, q) = ((1.0 - a).hypot(b2), a.hypot(b1));
    [gamma(b1) * p + gamma(b2) * q, gamma(b1) * (a - 1.0) / p + gamma(b2) * a / q]
}

const STARTS: [f64; 4] = [1e-3, 1e-1, 1e1, 1e3];

/// What was asked of φ: its values, and how often each.
struct Asked<F> {
    phi: F,
    slope: f64,
    values: usize,
    slopes: usize,
}

impl<F: FnMut(f64) -> [f64; 2]> Phi for Asked<F> {
    type End = Infallible;
    fn value(&mut self, a: f64) -> Result<Option<[f64; 2]>, Infallible> {
        assert!(a > 0.0, "no trial lies behind the start: {a}");
        self.values += 1;
        Ok(Some([(self.phi)(a)[0], a * self.slope]))
    }
    fn slope(&mut self, a: f64) -> Result<f64, Infallible> {
        self.slopes += 1;
        Ok((self.phi)(a)[1])
    }
}

/// The length that a search takes from a start, if any, and the evaluations that it took.
fn searched(
    entry: &Entry,
    settings: &[f64],
    phi: impl FnMut(f64) -> [f64; 2],
    at: [f64; 2],
    length: f64,
    last: f64,
) -> (Option<f64>, [usize; 2]) {
    let [value, slope] = at;
    let line = Line { value, slope, length, last, first: true };
    let mut asked = Asked { phi, slope, values: 0, slopes: 0 };
    let Ok(found) = along(&mut *(entry.build)(settings), line, TRIALS, &mut asked);
    (found.map(|f| f.0), [asked.values, asked.slopes])
}

/// The tables of the paper: μ and η, and for each start the evaluations and the length.
#[test]
fn more_and_thuentes_tables() {
    let tables = [
        ([1e-3, 1e-1], [(6, 1.4), (3, 1.4), (1, 10.0), (4, 37.0)]),
        ([1e-1, 1e-1], [(12, 1.6), (8, 1.6), (8, 1.6), (11, 1.6)]),
        ([1e-1, 1e-1], [(12, 1.0), (12, 1.0), (10, 1.0), (13, 1.0)]),
        ([1e-3, 1e-3], [(4, 0.085), (1, 0.10), (3, 0.35), (4, 0.83)]),
        ([1e-3, 1e-3], [(6, 0.075), (3, 0.078), (7, 0.073), (8, 0.076)]),
        ([1e-3, 1e-3], [(13, 0.93), (11, 0.93), (8, 0.92), (11, 0.92)]),
    ];
    for (k, (phi, (settings, rows))) in FUNCTIONS.iter().zip(tables).enumerate() {
        for (start, (evaluations, length)) in STARTS.into_iter().zip(rows) {
            let entry = Entry::of::<MoreThuente>();
            let (found, [values, slopes]) =
                searched(&entry, &settings, phi, phi(0.0), start, f64::INFINITY);
            let a = found.expect("it finds one");
            println!("{} {start}: {values} {a} {}", k + 1, phi(a)[1]);
            assert_eq!(values, slopes, "it asks for both at every trial");
            assert_eq!(values, evaluations, "function {} from {start}: {a}", k + 1);
            assert!((a / length - 1.0).abs() < 0.05, "function {} from {start}: {a}", k + 1);
        }
    }
}

/// Whether a point is what a search promises; `settings` are its c₁ and, where it looks at slopes, c₂.
fn holds(name: &str, settings: &[f64], [f0, d0]: [f64; 2], a: f64, [f, d]: [f64; 2]) -> bool {
    let (c1, c2) = (settings[0], settings.get(1).copied().unwrap_or(f64::NAN));
    let armijo = f <= f0 + c1 * a * d0;
    match name {
        "armijo" | "non_monotone" => armijo,
        "strong_wolfe" | "more_thuente" => armijo && d.abs() <= c2 * d0.abs(),
        "approximate_wolfe" | "hager_zhang" => {
            let approximate = f <= f0 + 1e-6 * f0.abs() && d <= (2.0 * c1 - 1.0) * d0;
            d >= c2 * d0 && (armijo || approximate)
        }
        // Whatever else it promises, it is lower.
        _ => f < f0,
    }
}

#[test]
fn what_is_found_is_what_each_search_promises() {
    for entry in SEARCHES {
        let defaults: Vec<f64> = entry.parameters.iter().map(|p| p.default).collect();
        let sharp: Vec<f64> = entry
            .parameters
            .iter()
            .map(|p| if p.name == "curvature" { 0.1 } else { p.default })
            .collect();
        let mut most = 0;
        for (k, phi) in FUNCTIONS.iter().enumerate() {
            for (start, settings) in STARTS.iter().flat_map(|s| [(*s, &defaults), (*s, &sharp)]) {
                let (found, [values, slopes]) =
                    searched(entry, settings, phi, phi(0.0), start, f64::INFINITY);
                let at = format!("{} on function {} from {start}", entry.name, k + 1);
                let a = found.unwrap_or_else(|| panic!("{at} found none"));
                assert!(holds(entry.name, settings, phi(0.0), a, phi(a)), "{at}: {a}");
                assert!(slopes <= values, "{at}: no slope without a value");
                most = most.max(values);
            }
        }
        println!("{}: at most {most}", entry.name);
        assert!(most <= 25, "{} took {most} values on a line", entry.name);
    }
}

/// A line that ends at a wall, has holes, falls for ever or nowhere: none hangs, none is taken that is not finite.
#[test]
fn lines_that_end_or_fall_for_ever() {
    for entry in SEARCHES {
        let defaults: Vec<f64> = entry.parameters.iter().map(|p| p.default).collect();
        let go = |phi: Function, start: f64, last: f64| {
            let (found, _) = searched(entry, &defaults, phi, phi(0.0), start, last);
            if let Some(a) = found {
                assert!(phi(a)[0] < phi(0.0)[0] && a <= last, "{}: {a}", entry.name);
            }
            found
        };
        // Values end where the logarithm does.
        let wall: Function = |a| [-a - (1.0 - a).ln(), -1.0 + 1.0 / (1.0 - a)];
        let barrier: Function = |a| [-2.0 * a - (1.0 - a).ln(), -2.0 + 1.0 / (1.0 - a)];
        assert!(wall(0.0)[1] == 0.0);
        for start in [0.1, 1.0, 1e3, 1e30] {
            assert!(go(barrier, start, f64::INFINITY).is_some(), "{} from {start}", entry.name);
        }
        // As far as the bounds go.
        assert!(go(|a| [-a, -1.0], 0.25, 1.0).is_some(), "{}", entry.name);
        go(|a| [-a, -1.0], 1.0, f64::INFINITY);
        go(|a| [(-a).exp(), -(-a).exp()], 1.0, f64::INFINITY);
        // The slope lies: nothing falls.
        assert_eq!(go(|a| [a, -1.0], 1.0, f64::INFINITY), None, "{}", entry.name);
        assert_eq!(
            go(|a| [if a == 0.0 { 0.0 } else { f64::NAN }, -1.0], 1.0, f64::INFINITY),
            None,
            "{}",
            entry.name
        );
    }
}

/// Where a point that the search would take is refused, shorter ones are tried.
#[test]
fn a_point_that_will_not_do_is_shortened() {
    struct Short(f64);
    impl Phi for Short {
        type End = Infallible;
        fn value(&mut self, a: f64) -> Result<Option<[f64; 2]>, Infallible> {
            Ok(Some([(a - 3.0) * (a - 3.0), -6.0 * a]))
        }
        fn slope(&mut self, a: f64) -> Result<f64, Infallible> {
            Ok(2.0 * (a - 3.0))
        }
        fn fits(&mut self, a: f64, value: f64) -> Result<bool, Infallible> {
            assert_eq!(value, (a - 3.0) * (a - 3.0));
            Ok(a < self.0)
        }
    }
    let line = Line { value: 9.0, slope: -6.0, length: 3.0, last: f64::INFINITY, first: true };
    for entry in SEARCHES {
        let mut search = entry.with("", None);
        let Ok(found) = along(&mut *search, line, TRIALS, &mut Short(1.0));
        assert!(found.is_some_and(|(a, _)| a < 1.0), "{}: {found:?}", entry.name);
    }
    assert_eq!(MoreThuente::default().search().begin(line), 3.0);
    assert_eq!(MoreThuente::NAME, "more_thuente");
}
