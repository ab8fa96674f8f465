//! One set (or penalty) over each group of variables: their product.
use crate::penalty::{Offers, Penalty, Steps, Structure};

/// The same penalty over every group, each by itself.
pub struct OverGroups {
    /// The members of each group, ascending, and what lies on them.
    groups: Vec<(Vec<usize>, Box<dyn Penalty>)>,
}

impl OverGroups {
    /// One over each group, from the weights of its members.
    pub fn new(
        on: &Structure<'_>,
        groups: &[usize],
        one: impl Fn(&[f64]) -> Box<dyn Penalty>,
    ) -> Self {
        let most = groups.iter().max().map_or(0, |m| m + 1);
        let mut members = vec![Vec::new(); most];
        groups.iter().enumerate().for_each(|(j, &g)| members[g].push(j));
        members.retain(|m| !m.is_empty());
        let built = |members: Vec<usize>| {
            let weight: Vec<f64> = members.iter().map(|&j| on.weight[j]).collect();
            let penalty = one(&weight);
            (members, penalty)
        };
        OverGroups { groups: members.into_iter().map(built).collect() }
    }
    /// The same of each group; none where one has no such form.
    fn each(
        &self,
        form: impl Fn(&dyn Penalty, &[usize]) -> Option<Box<dyn Penalty>>,
    ) -> Option<Self> {
        let one = |(m, p): &(Vec<usize>, Box<dyn Penalty>)| Some((m.clone(), form(&**p, m)?));
        Some(OverGroups { groups: self.groups.iter().map(one).collect::<Option<_>>()? })
    }
    /// The group that a variable is in, and its place there.
    fn of(&self, j: usize) -> Option<(&dyn Penalty, usize)> {
        self.groups.iter().find_map(|(m, p)| m.binary_search(&j).ok().map(|k| (&**p, k)))
    }
}

fn gather(v: &[f64], members: &[usize]) -> Vec<f64> {
    members.iter().map(|&j| v[j]).collect()
}

impl Penalty for OverGroups {
    fn name(&self) -> &'static str {
        self.groups.first().map_or("none", |(_, p)| p.name())
    }
    fn offers(&self) -> Offers {
        let mut all = self.groups.iter().map(|(_, p)| p.offers());
        let first = all.next().unwrap_or(Offers::CONVEX);
        let both = all.fold(first, |a, b| Offers {
            diagonal_prox: a.diagonal_prox && b.diagonal_prox,
            atoms: a.atoms && b.atoms,
            convex: a.convex && b.convex,
            ..a
        });
        // Shares of one whole are those of one group only.
        let shares = both.shares && self.groups.len() == 1;
        Offers { shares, smooth: false, quadratic: false, bounds: false, pieces: false, ..both }
    }
    fn value(&self, x: &[f64]) -> f64 {
        self.groups.iter().map(|(m, p)| p.value(&gather(x, m))).sum()
    }
    fn prox(&self, x: &mut [f64], steps: Steps<'_>) {
        for (members, penalty) in &self.groups {
            let mut part = gather(x, members);
            match steps {
                Steps::Uniform(_) => penalty.prox(&mut part, steps),
                Steps::Diagonal(t) => penalty.prox(&mut part, Steps::Diagonal(&gather(t, members))),
            }
            members.iter().zip(part).for_each(|(&j, u)| x[j] = u);
        }
    }
    fn shares(&self) -> Option<(&[usize], f64)> {
        // The one group is all variables in their order, so that places are the same.
        if let [(_, one)] = &self.groups[..] { one.shares() } else { None }
    }
    fn atom(&self, s: &[f64], to: &mut [f64]) -> bool {
        self.groups.iter().all(|(members, penalty)| {
            let mut part = vec![0.0; members.len()];
            let bounded = penalty.atom(&gather(s, members), &mut part);
            members.iter().zip(part).for_each(|(&j, u)| to[j] = u);
            bounded
        })
    }
    fn free(&self, j: usize) -> bool {
        self.of(j).is_none_or(|(p, j)| p.free(j))
    }
    fn shrinks(&self, s: &[f64], spread: &[f64]) -> f64 {
        let one =
            |(m, p): &(Vec<usize>, Box<dyn Penalty>)| p.shrinks(&gather(s, m), &gather(spread, m));
        self.groups.iter().map(one).fold(1.0, f64::min)
    }
    fn excess(&self, x: &[f64], s: &[f64], spread: &[f64]) -> Option<f64> {
        let one = |(m, p): &(Vec<usize>, Box<dyn Penalty>)| {
            p.excess(&gather(x, m), &gather(s, m), &gather(spread, m))
        };
        self.groups.iter().map(one).sum()
    }
    fn nowhere(&self) -> Option<String> {
        self.groups.iter().find_map(|(_, p)| p.nowhere())
    }
    fn rescaled(&self, scale: &[f64]) -> Option<Box<dyn Penalty>> {
        Some(Box::new(self.each(|p, m| p.rescaled(&gather(scale, m)))?))
    }
    fn within(&self, low: &[f64], high: &[f64]) -> Option<Box<dyn Penalty>> {
        Some(Box::new(self.each(|p, m| p.within(&gather(low, m), &gather(high, m)))?))
    }
}
