//! Where the boxes of the graph stand: columns by rank, rows so that edges cross little and run straight.
//!
//! In: the parents of each node. Out: a [`Place`] for each: the rank counts from the left, `y` is in heights of a box.
//! Whoever draws a part of the graph keeps rank and order and moves the boxes together.

/// Times that all ranks are put in order, once from the left and once from the right each.
const SWEEPS: usize = 6;

/// The place of a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// The column of boxes; parents are further left.
    pub rank: usize,
    /// The height; boxes of a rank are at least 1 apart.
    pub y: f64,
}

/// Lays out a graph without cycles. `parents[i]` are positions in the same list.
pub fn layout(parents: &[Vec<usize>]) -> Vec<Place> {
    let mut children = vec![Vec::new(); parents.len()];
    for (node, list) in parents.iter().enumerate() {
        for &parent in list {
            children[parent].push(node);
        }
    }
    let ranks = ranks(parents, &children);
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); ranks.iter().max().map_or(0, |most| most + 1)];
    for node in in_components(parents, &children) {
        layers[ranks[node]].push(node);
    }
    let mut y = vec![0.0; parents.len()];
    for layer in &layers {
        for (row, &node) in layer.iter().enumerate() {
            y[node] = as_f64(row);
        }
    }
    for _ in 0..SWEEPS {
        for layer in &mut layers {
            settle(layer, parents, &mut y);
        }
        for layer in layers.iter_mut().rev() {
            settle(layer, &children, &mut y);
        }
    }
    ranks.into_iter().zip(y).map(|(rank, y)| Place { rank, y: (y * 100.0).round() / 100.0 }).collect()
}

/// The longest way from a node without parents; such a node itself stands right before its first child.
fn ranks(parents: &[Vec<usize>], children: &[Vec<usize>]) -> Vec<usize> {
    let mut ranks = vec![0_usize; parents.len()];
    let mut missing: Vec<usize> = parents.iter().map(Vec::len).collect();
    let mut open: Vec<usize> = (0..parents.len()).filter(|n| missing[*n] == 0).collect();
    while let Some(node) = open.pop() {
        for &child in &children[node] {
            ranks[child] = ranks[child].max(ranks[node] + 1);
            missing[child] -= 1;
            if missing[child] == 0 {
                open.push(child);
            }
        }
    }
    for node in (0..parents.len()).filter(|n| parents[*n].is_empty()) {
        if let Some(first) = children[node].iter().map(|c| ranks[*c]).min() {
            ranks[node] = first.saturating_sub(1);
        }
    }
    ranks
}

/// All nodes, those that hang together one after the other, so that parts of the graph do not mix.
fn in_components(parents: &[Vec<usize>], children: &[Vec<usize>]) -> Vec<usize> {
    let mut order = Vec::with_capacity(parents.len());
    let mut seen = vec![false; parents.len()];
    for start in 0..parents.len() {
        let mut open = vec![start];
        while let Some(node) = open.pop() {
            if std::mem::replace(&mut seen[node], true) {
                continue;
            }
            order.push(node);
            open.extend(children[node].iter().chain(&parents[node]).rev().filter(|n| !seen[**n]));
        }
    }
    order
}

/// Puts a layer in the order of its neighbours' middles, and each box as near to its own middle as the others let it.
fn settle(layer: &mut [usize], neighbours: &[Vec<usize>], y: &mut [f64]) {
    let middle = |node: usize, y: &[f64]| {
        let near = &neighbours[node];
        if near.is_empty() { y[node] } else { near.iter().map(|n| y[*n]).sum::<f64>() / as_f64(near.len()) }
    };
    let mut wished: Vec<(f64, usize)> = layer.iter().map(|node| (middle(*node, y), *node)).collect();
    wished.sort_by(|a, b| a.0.total_cmp(&b.0));
    let heights = spread(&wished.iter().map(|(height, _)| *height).collect::<Vec<_>>());
    for ((place, (_, node)), height) in layer.iter_mut().zip(wished).zip(heights) {
        *place = node;
        y[node] = height;
    }
}

/// The heights nearest to those wished (in ascending order) that are 1 apart: neighbours that would overlap form a block, a
/// block stands at the mean of what its members wish.
fn spread(wished: &[f64]) -> Vec<f64> {
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    for (row, height) in wished.iter().enumerate() {
        let mut block = (height - as_f64(row), 1);
        while let Some(&(mean, count)) = blocks.last().filter(|(mean, _)| *mean > block.0) {
            let total = count + block.1;
            block = ((mean * as_f64(count) + block.0 * as_f64(block.1)) / as_f64(total), total);
            blocks.pop();
        }
        blocks.push(block);
    }
    let shifts = blocks.into_iter().flat_map(|(mean, count)| std::iter::repeat_n(mean, count));
    shifts.enumerate().map(|(row, shift)| shift + as_f64(row)).collect()
}

#[allow(clippy::cast_precision_loss)]
fn as_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_chain_is_a_straight_line_and_a_source_stands_beside_its_reader() {
        // 0 -> 1 -> 2 -> 4, 3 -> 4
        let places = layout(&[vec![], vec![0], vec![1], vec![], vec![2, 3]]);
        assert_eq!(places.iter().map(|p| p.rank).collect::<Vec<_>>(), [0, 1, 2, 2, 3]);
        assert!((places[0].y - places[1].y).abs() < 0.01 && (places[1].y - places[2].y).abs() < 0.01);
    }

    #[test]
    fn crossings_are_undone() {
        // 0 -> 3, 1 -> 2: drawn in order of position the edges would cross.
        let places = layout(&[vec![], vec![], vec![1], vec![0]]);
        assert_eq!(places[0].y < places[1].y, places[3].y < places[2].y);
    }

    proptest! {
        #[test]
        fn parents_are_left_and_boxes_apart(edges in prop::collection::vec((0..40usize, 0..40usize), 0..120)) {
            let mut parents = vec![Vec::new(); 40];
            for (a, b) in edges {
                if a != b && !parents[a.max(b)].contains(&a.min(b)) {
                    parents[a.max(b)].push(a.min(b));
                }
            }
            let places = layout(&parents);
            for (node, list) in parents.iter().enumerate() {
                prop_assert!(list.iter().all(|p| places[*p].rank < places[node].rank));
                for other in 0..node {
                    if places[other].rank == places[node].rank {
                        prop_assert!((places[other].y - places[node].y).abs() > 0.97);
                    }
                }
            }
        }
    }
}
