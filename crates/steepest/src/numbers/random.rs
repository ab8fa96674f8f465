//! Random numbers that are a function of where they are used: seed, stream, epoch, block, place. The same on any
//! number of threads, and after a resume.

use crate::numbers::real::Real;

/// Philox 4x32 with ten rounds: a block cipher over a counter.
///
/// Salmon, Moraes, Dror and Shaw 2011, <https://doi.org/10.1145/2063384.2063405>.
#[derive(Clone, Debug)]
pub struct Random {
    key: [u32; 2],
    counter: [u32; 4],
    four: [u32; 4],
    used: usize,
}

fn philox(mut c: [u32; 4], mut k: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let a = u64::from(c[0]) * 0xD251_1F53;
        let b = u64::from(c[2]) * 0xCD9E_8D57;
        c = [(b >> 32) as u32 ^ c[1] ^ k[0], b as u32, (a >> 32) as u32 ^ c[3] ^ k[1], a as u32];
        k = [k[0].wrapping_add(0x9E37_79B9), k[1].wrapping_add(0xBB67_AE85)];
    }
    c
}

impl Random {
    /// The numbers of one place: streams keep different uses apart, epochs and blocks the same use at another time.
    pub fn new(seed: u64, stream: u32, epoch: u32, block: u32) -> Self {
        let key = [seed as u32, (seed >> 32) as u32];
        Random { key, counter: [0, stream, epoch, block], four: [0; 4], used: 4 }
    }
    /// 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            self.four = philox(self.counter, self.key);
            // 2³⁴ numbers a place: a longer run has other blocks.
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.four[self.used - 1]
    }
    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        u64::from(self.next_u32()) << 32 | u64::from(self.next_u32())
    }
    /// A number from 0 to below 1, uniform.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (0.5f64).powi(53)
    }
    /// A standard normal number (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let (u, v) = (1.0 - self.uniform(), self.uniform());
        // Our own logarithm and cosine: the same bits on every machine.
        let angle = std::f64::consts::PI * (2.0 * v - 1.0);
        (-2.0 * Real::ln(u)).sqrt() * Real::cos(angle)
    }
    /// A whole number below `n`, each as likely (Lemire's method). `n` must not be 0.
    pub fn below(&mut self, n: u32) -> u32 {
        let mut wide = u64::from(self.next_u32()) * u64::from(n);
        if (wide as u32) < n {
            let least = n.wrapping_neg() % n;
            while (wide as u32) < least {
                wide = u64::from(self.next_u32()) * u64::from(n);
            }
        }
        (wide >> 32) as u32
    }
    /// Puts the items in an order of which each is as likely.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u32 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers that come with Random123.
    #[test]
    fn known_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        let answer = [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1];
        assert_eq!(philox(pi, [0xa409_3822, 0x299f_31d0]), answer);
    }

    #[test]
    fn uniform_enough() {
        let mut r = Random::new(7, 1, 2, 3);
        let (mut mean, mut square, mut counts) = (0.0, 0.0, [0u32; 10]);
        for _ in 0..100_000 {
            mean += r.uniform() / 1e5;
            square += r.normal().powi(2) / 1e5;
            counts[r.below(10) as usize] += 1;
        }
        assert!((mean - 0.5).abs() < 5e-3 && (square - 1.0).abs() < 2e-2);
        assert!(counts.iter().all(|c| c.abs_diff(10_000) < 500));
        let mut order: Vec<u32> = (0..1000).collect();
        Random::new(7, 1, 2, 4).shuffle(&mut order);
        assert_ne!(order[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        order.sort_unstable();
        assert!(order.iter().enumerate().all(|(i, &v)| i as u32 == v));
    }
}
