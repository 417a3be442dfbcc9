//! A set of positions as bits: selection and ancestor sets over tens of thousands of nodes stay small and fast.
//!
//! In: positions below a fixed capacity. Out: [`NodeSet`].

/// Positions below a capacity that is fixed at creation. Both sides of an operation have the same capacity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeSet {
    words: Vec<u64>,
}

impl NodeSet {
    /// The empty set for positions below `capacity`.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { words: vec![0; capacity.div_ceil(64)] }
    }

    /// Adds a position; true if it was not there.
    pub(crate) fn insert(&mut self, position: usize) -> bool {
        let (word, bit) = (position / 64, 1_u64 << (position % 64));
        match self.words.get_mut(word) {
            Some(w) if *w & bit == 0 => {
                *w |= bit;
                true
            }
            _ => false,
        }
    }

    /// Whether a position is in the set.
    pub(crate) fn contains(&self, position: usize) -> bool {
        self.words.get(position / 64).is_some_and(|w| w & (1 << (position % 64)) != 0)
    }

    /// Adds all of another set.
    pub(crate) fn union(&mut self, other: &Self) {
        for (a, b) in self.words.iter_mut().zip(&other.words) {
            *a |= b;
        }
    }

    /// Keeps what is in both.
    pub(crate) fn intersect(&mut self, other: &Self) {
        for (a, b) in self.words.iter_mut().zip(&other.words) {
            *a &= b;
        }
    }

    /// Takes out all of another set.
    pub(crate) fn subtract(&mut self, other: &Self) {
        for (a, b) in self.words.iter_mut().zip(&other.words) {
            *a &= !b;
        }
    }

    /// Whether nothing is in the set.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|w| *w == 0)
    }

    /// The positions, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
                rest &= rest - 1;
                Some(index * 64 + bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::NodeSet;

    #[test]
    fn behaves_like_a_set() {
        let of = |items: &[usize]| {
            let mut set = NodeSet::new(200);
            items.iter().for_each(|i| assert!(set.insert(*i)));
            set
        };
        let mut set = of(&[0, 63, 64, 199]);
        assert!(!set.insert(63) && set.contains(199) && !set.contains(198));
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63, 64, 199]);
        set.subtract(&of(&[0, 1]));
        set.intersect(&of(&[0, 63, 199]));
        set.union(&of(&[5]));
        assert_eq!(set.iter().collect::<Vec<_>>(), [5, 63, 199]);
        assert!(NodeSet::new(3).is_empty() && !set.is_empty());
    }
}
