//! The loss of a network over a table, as an objective.
use super::data::{Examples, Head, Picked};
use super::passes::{Number, Passes};
use super::{Network, passes};
use crate::objective::{Ask, Objective, Offers, Rows, Sorted, Work};
use crate::status::Halt;

/// Σ weight · loss(network(row)) / Σ weight + ½ decay ‖W‖², W all weights of dense layers: an objective like any other, of
/// which batches can be asked. Nothing is dropped on the way: that belongs to [training](super::training).
pub struct Supervised<'a, N: passes::Number> {
    network: Network,
    passes: Passes<N>,
    data: Examples<'a, N>,
    head: Head,
    decay: f64,
    x: Vec<N>,
    part: Vec<N>,
}

/// Rows that go through at once.
const BATCH: usize = 480;

impl<'a, N: Number> Supervised<'a, N> {
    /// Of a network, rows and the loss at its end.
    pub fn new(
        network: &Network,
        data: Examples<'a, N>,
        head: Head,
        decay: f64,
    ) -> Result<Self, String> {
        if head.outputs != network.outputs() {
            let (k, n) = (head.outputs, network.outputs());
            return Err(format!("the loss is of {k} outputs, and the network has {n}"));
        }
        if network.gathers().next().is_some() {
            return Err("batch normalisation looks at the rows of a mini-batch, and this loss is of all rows: train it by mini-batches, or take layer normalisation".into());
        }
        let passes = Passes::new(network, BATCH.min(data.rows.max(1)), Some(&head));
        let zeros = vec![N::default(); network.dim()];
        Ok(Supervised {
            network: network.clone(),
            passes,
            data,
            head,
            decay,
            x: zeros.clone(),
            part: zeros,
        })
    }
    /// Value and, where asked for, gradient over some rows: sums of parts, in f64 and in their order.
    fn sweep(
        &mut self,
        picked: Picked<'_>,
        mut gradient: Option<&mut [f64]>,
        work: &mut Work<'_>,
    ) -> Result<f64, Halt> {
        let all = picked.len();
        let weight: f64 = match picked {
            Picked::From(..) => self.data.total(),
            Picked::Named(rows) => rows.iter().map(|&i| self.data.weight(i as usize)).sum(),
        };
        let scale = if weight > 0.0 { 1.0 / weight } else { 0.0 };
        if let Some(gradient) = &mut gradient {
            gradient.fill(0.0);
        }
        let (mut sum, most) = (0.0, self.passes.most());
        for from in (0..all).step_by(most) {
            (work.pause)()?;
            let some = picked.some(from..(from + most).min(all));
            let Supervised { passes, data, head, x, part, .. } = self;
            let Some(gradient) = &mut gradient else {
                sum += passes.loss(x, data, head, some, scale);
                continue;
            };
            sum += passes.gradient(x, data, head, some, scale, 0.0, None, part);
            gradient.iter_mut().zip(&*part).for_each(|(g, p)| *g += p.to_f64());
        }
        Ok(sum + self.decayed(gradient))
    }
    /// ½ decay ‖W‖², and its gradient added.
    fn decayed(&self, mut gradient: Option<&mut [f64]>) -> f64 {
        if self.decay == 0.0 {
            return 0.0;
        }
        let mut sum = 0.0;
        for weights in self.network.weights() {
            for j in weights {
                let w = self.x[j].to_f64();
                sum += w * w;
                if let Some(gradient) = &mut gradient {
                    gradient[j] += self.decay * w;
                }
            }
        }
        0.5 * self.decay * sum
    }
}

impl<N: Number> Objective for Supervised<'_, N> {
    fn offers(&self) -> Offers {
        Offers { terms: self.data.rows, reads: 1.0, ..Offers::gradients(self.network.dim()) }
    }
    fn answer(
        &mut self,
        x: &[f64],
        rows: Rows<'_>,
        asks: &mut [Ask<'_>],
        work: &mut Work<'_>,
    ) -> Result<(), Halt> {
        let picked = match rows {
            Rows::All => Picked::From(0, self.data.rows),
            Rows::Terms(named) => Picked::Named(named),
            Rows::Sample(_) => return rows.all(),
        };
        self.x.iter_mut().zip(x).for_each(|(to, x)| *to = N::of_f64(*x));
        let sorted = Sorted::of(asks);
        let found = match sorted.gradient {
            Some(gradient) => Some(self.sweep(picked, Some(gradient), work)?),
            None if sorted.value.is_some() => Some(self.sweep(picked, None, work)?),
            None => None,
        };
        if let (Some(to), Some(found)) = (sorted.value, found) {
            *to = found;
        }
        sorted.others.into_iter().try_for_each(Ask::unknown)
    }
    fn tensors(&self) -> Vec<Vec<usize>> {
        self.network.tensors()
    }
}
