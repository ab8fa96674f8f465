//! Along falling weights of a penalty: what of the table is known holds still from one to the next.
use super::{Coordinate, penalty};
use crate::method::Step;
use crate::penalty::Piece;
use crate::problem::Problem;
use crate::status::Halt;
use std::mem::take;

impl Coordinate {
    /// Goes on from where it stands under a penalty of another weight: the slopes there, the moments of the columns and a
    /// model that is the loss itself hold still. None where it stands elsewhere.
    pub(super) fn onward(
        &mut self,
        problem: &mut Problem<'_>,
        x: &mut [f64],
    ) -> Result<Option<Step>, Halt> {
        let pieces: Vec<Piece> = (0..x.len()).map(|j| problem.penalty().piece(j)).collect();
        let mut here = x.to_vec();
        self.tell(&mut here);
        let bounds = |p: &Piece| [p.low.to_bits(), p.high.to_bits()];
        let alike = |(a, b): (&Piece, &Piece)| bounds(a) == bounds(b) && a.is_free() == b.is_free();
        let same = pieces.len() == self.pieces.len() && pieces.iter().zip(&self.pieces).all(alike);
        if here != x || !same || !self.value.is_finite() {
            return Ok(None);
        }
        let now = penalty(&pieces, &self.seen);
        let (value, carried) = match &self.told_from {
            Some(told) => (told.loss + now, 0.0),
            None => {
                let value = self.value + now - penalty(&self.pieces, &self.seen);
                (value, self.carried + 2.0 * f64::EPSILON * self.value.abs())
            }
        };
        let mut model = self.model.take().filter(|m| m.exact);
        let rows = problem.rows(None)?.0.len();
        let frame = self.frame.take().expect("made at the start");
        if !model.as_mut().is_none_or(|m| m.again(&frame, &pieces, rows)) {
            model = None;
        }
        let Coordinate { margin, null, scale, matrix, tame, .. } = *self;
        let (bound, promised) = (f64::INFINITY, f64::INFINITY);
        let (seen, gradient) = (take(&mut self.seen), take(&mut self.gradient));
        let (told, frame, more) = (take(&mut self.told), Some(frame), 1);
        let told_from = self.told_from.take();
        *self = Coordinate {
            pieces,
            frame,
            seen,
            gradient,
            margin,
            told,
            value,
            carried,
            null,
            scale,
            model,
            told_from,
            matrix,
            more,
            bound,
            promised,
            tame,
            along: true,
            ..Coordinate::default()
        };
        let step = self.judge(problem, 0.0)?;
        self.tell(x);
        Ok(Some(step))
    }
}
