//! Which rows stand for all in a metric: some spread evenly, some drawn by what they carry.
use super::stage_rows::{self, Sides};
use super::subproblem::Seen;
use crate::problem::Problem;
use crate::status::Halt;
use crate::table::{OfRows, Scores, Slot};

/// What a metric is made from.
pub struct Recipe<'a> {
    /// Where the margins at the point are kept.
    pub at: Slot,
    /// Whether squared distances from the centre are kept.
    pub far: bool,
    /// The rarer side, on all rows.
    pub sides: Option<&'a Sides>,
    /// Whether the curvature of chords counts where there is more of it: straight parts of a loss have none, and
    /// bend on the way down.
    pub broad: bool,
}

/// Places, and how many others each stands for; some are drawn by their scores if wanted.
pub fn choose(
    seen: &mut Seen<'_, '_>,
    recipe: &Recipe<'_>,
    k: usize,
    scored: bool,
) -> Result<(Vec<u32>, Vec<f64>), Halt> {
    let n = seen.len();
    if k + k / 4 >= n {
        return Ok(((0..n as u32).collect(), vec![1.0; n]));
    }
    let near = spread_out(seen, recipe, k)?;
    let even = Even::of(seen, recipe, &near);
    if !scored {
        let times = near.iter().map(|p| 1.0 / even.chance(*p)).collect();
        return Ok((near, times));
    }
    let far = Far::of(seen, recipe, k / 2)?;
    // A place may be drawn either way; what it weighs is one over how often it is drawn in all.
    let mut places: Vec<u32> = near.into_iter().chain(far.draw(seen)?).collect();
    places.sort_unstable();
    let chances = far.chances(seen, &places)?;
    seen.of_rows(OfRows::Scores(Scores::Free))?;
    let times = |(p, chance): (&u32, f64)| (*p, 1.0 / (even.chance(*p) + chance));
    let mut drawn: Vec<(u32, f64)> = places.iter().zip(chances).map(times).collect();
    drawn.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        kept.1 += if same { next.1 } else { 0.0 };
        same
    });
    Ok(drawn.into_iter().unzip())
}

/// The part of `k` places that is spread over the ground.
fn spread_out(seen: &mut Seen<'_, '_>, recipe: &Recipe<'_>, k: usize) -> Result<Vec<u32>, Halt> {
    if seen.ground.sample.is_none() {
        let k = stage_rows::even(&seen.table, k);
        let sample =
            stage_rows::rows(seen.problem, &seen.table, recipe.sides, k, stage_rows::METRIC)?;
        return Ok(sample.rows().to_vec());
    }
    Ok(stage_rows::runs(k - k / 4, seen.len(), stage_rows::METRIC)
        .into_iter()
        .flatten()
        .map(|p| p as u32)
        .collect())
}

/// How often a place is drawn when they are drawn evenly, on the rarer side and on the other.
struct Even<'a> {
    sides: Option<&'a Sides>,
    common: f64,
    rare: f64,
}

impl<'a> Even<'a> {
    fn of(seen: &Seen<'_, '_>, recipe: &Recipe<'a>, drawn: &[u32]) -> Self {
        let n = seen.len() as f64;
        let Some(sides) = recipe.sides.filter(|_| seen.ground.sample.is_none()) else {
            return Even { sides: None, common: drawn.len() as f64 / n, rare: 1.0 };
        };
        let rare = drawn.iter().filter(|p| sides.holds(**p)).count() as f64;
        let all = sides.rare.len() as f64;
        let common = (drawn.len() as f64 - rare) / (n - all);
        Even { sides: Some(sides), common, rare: rare / all }
    }
    fn chance(&self, place: u32) -> f64 {
        if self.sides.is_some_and(|s| s.holds(place)) { self.rare } else { self.common }
    }
}

/// Whether some of these rows are so much farther out than the others that it matters which are drawn.
pub fn tailed(problem: &mut Problem<'_>, rows: usize) -> Result<bool, Halt> {
    let mut tails = [0.0; 2];
    problem.of_rows(OfRows::Scores(Scores::Tails(&mut tails)))?;
    let [most, sum] = tails;
    Ok(!(most <= 8.0 * (sum / rows as f64)))
}

/// Places drawn in proportion to share · curvature · distance²: the few that carry much of the Hessian (heavy
/// tails, rare levels, the border between classes) are all among them.
struct Far {
    times: f32,
}

impl Far {
    fn of(seen: &mut Seen<'_, '_>, recipe: &Recipe<'_>, m: usize) -> Result<Self, Halt> {
        seen.of_rows(OfRows::Scores(Scores::Keep { at: recipe.at, far: recipe.far }))?;
        let mut sum = |times: f32, most: f32| {
            let mut to = 0.0;
            seen.of_rows(OfRows::Scores(Scores::Sum { times, most, to: &mut to })).map(|()| to)
        };
        let mut times = (m as f64 / sum(1.0, f32::INFINITY)?.max(1e-300)) as f32;
        // Chances end at 1: what is cut off there goes to the others.
        for _ in 0..40 {
            let short = m as f64 / sum(times, 1.0)?.max(1e-300);
            if short < 1.05 {
                break;
            }
            times *= short.min(1e6) as f32;
        }
        Ok(Far { times: if times.is_finite() { times } else { 0.0 } })
    }
    fn chances(&self, seen: &mut Seen<'_, '_>, places: &[u32]) -> Result<Vec<f64>, Halt> {
        let mut to = vec![0.0; places.len()];
        seen.of_rows(OfRows::Scores(Scores::Of { places, to: &mut to }))?;
        Ok(to.into_iter().map(|s| f64::from((s * self.times).min(1.0))).collect())
    }
    /// Systematic: as many as the sum of chances says, spread over the ground.
    fn draw(&self, seen: &mut Seen<'_, '_>) -> Result<Vec<u32>, Halt> {
        let (mut sum, mut places) = (0.5, Vec::new());
        let (times, to) = (self.times, &mut places);
        seen.of_rows(OfRows::Scores(Scores::Draw { times, sum: &mut sum, to }))?;
        Ok(places)
    }
}
