//! An energy as an objective: its variables are displacements of what may move.
use super::Potential;
use super::stiffness::Stiffness;
use crate::objective::{Ask, Objective, Offers, Rows, Sorted, Work};
use crate::status::Halt;

/// How far a coordinate may go before the near pairs are others, of the length within which pairs are near. Not of the unit:
/// atoms that begin far apart come as near as others.
const REACH: f64 = 0.16;

/// Of so few variables quasi-Newton steps soon know all, and nothing is saved; a row of atoms is left sooner by what they
/// have not seen.
const FEW: usize = 30;

/// The energy of displacements of what may move, counted from 1 each and in units of a length of the atoms' own: so
/// neither the unit of length nor where the origin lies changes the way that a descent takes.
#[derive(Clone, Debug)]
pub struct Displaced {
    potential: Potential,
    start: Vec<f64>,
    /// The coordinates that may move; none where all may.
    free: Option<Vec<usize>>,
    unit: f64,
    positions: Vec<f64>,
    forces: Vec<f64>,
    stiffness: Stiffness,
}

impl Displaced {
    /// From positions, of which only those coordinates move.
    pub fn new(potential: Potential, start: Vec<f64>, free: Option<Vec<usize>>, unit: f64) -> Self {
        let (positions, forces) = (start.clone(), vec![0.0; start.len()]);
        let stiffness = Stiffness::default();
        Displaced { potential, start, free, unit, positions, forces, stiffness }
    }
    /// How many coordinates may move.
    pub fn dim(&self) -> usize {
        self.free.as_ref().map_or(self.start.len(), Vec::len)
    }
    fn place(&mut self, y: &[f64]) {
        let Displaced { start, free, unit, positions, .. } = self;
        let place = |i: usize, y: f64| start[i] + *unit * (y - 1.0);
        match free {
            Some(free) => free.iter().zip(y).for_each(|(i, y)| positions[*i] = place(*i, *y)),
            None => y.iter().enumerate().for_each(|(i, y)| positions[i] = place(i, *y)),
        }
    }
    /// The energy, and its gradient by the displacements.
    pub fn evaluate(&mut self, y: &[f64], gradient: &mut [f64]) -> f64 {
        self.place(y);
        let Displaced { potential, free, unit, positions, forces, .. } = self;
        let value = potential.evaluate(positions, forces);
        match free {
            Some(free) => gradient.iter_mut().zip(free).for_each(|(g, i)| *g = -*unit * forces[*i]),
            None => gradient.iter_mut().zip(forces).for_each(|(g, f)| *g = -*unit * *f),
        }
        value
    }
    /// The inverse of what near pairs resist at y, times a vector; how far it holds, 0 where there is none.
    fn preconditioned(&mut self, y: &[f64], of: &[f64], to: &mut [f64]) -> f64 {
        self.place(y);
        let Displaced { potential, free, unit, positions, stiffness, forces, .. } = self;
        stiffness.begin(positions.len() / 3, free.as_deref());
        if !potential.stiffness(positions, stiffness) {
            return 0.0;
        }
        // Second derivatives by displacements are unit² times those by positions.
        let over = 1.0 / (*unit * *unit);
        let found = match free {
            Some(free) => {
                // Nothing needs the forces until they are found again.
                free.iter().zip(of).for_each(|(i, of)| forces[*i] = *of);
                let found = stiffness.solve(|i| forces[i], |i, z| positions[i] = z);
                to.iter_mut().zip(&*free).for_each(|(to, i)| *to = over * positions[*i]);
                found
            }
            None => stiffness.solve(|i| of[i], |i, z| to[i] = over * z),
        };
        if found { REACH * potential.near().unwrap_or(*unit) / *unit } else { 0.0 }
    }
}

impl Objective for Displaced {
    fn offers(&self) -> Offers {
        let dim = Displaced::dim(self);
        let preconditioner = dim > FEW && self.potential.is_stiff();
        Offers { preconditioner, values_are_cheap: false, ..Offers::gradients(dim) }
    }
    fn answer(
        &mut self,
        y: &[f64],
        rows: Rows<'_>,
        asks: &mut [Ask<'_>],
        _: &mut Work<'_>,
    ) -> Result<(), Halt> {
        rows.all()?;
        let Sorted { value, gradient, others } = Sorted::of(asks);
        if value.is_some() || gradient.is_some() {
            let found = match gradient {
                Some(to) => self.evaluate(y, to),
                None => self.evaluate(y, &mut vec![0.0; y.len()]),
            };
            if let Some(to) = value {
                *to = found;
            }
        }
        for ask in others {
            match ask {
                Ask::Preconditioned { of, to, reach } if self.potential.is_stiff() => {
                    **reach = self.preconditioned(y, of, to);
                }
                other => other.unknown()?,
            }
        }
        Ok(())
    }
}
