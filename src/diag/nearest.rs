//! "Did you mean": names close to a misspelt one.

/// Up to three candidates near `name`, nearest first: small edit distance, or one contains the other.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = name.to_lowercase();
    let limit = (wanted.chars().count() / 3).clamp(1, 4);
    let mut scored: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter(|c| *c != name)
        .filter_map(|c| {
            let low = c.to_lowercase();
            let distance = edit_distance(&wanted, &low);
            let contains = wanted.len() >= 4 && low.len() >= 4 && (low.contains(&wanted) || wanted.contains(&low));
            (distance <= limit || contains).then_some((distance, c))
        })
        .collect();
    scored.sort_unstable();
    scored.dedup();
    scored.into_iter().take(3).map(|(_, c)| c).collect()
}

/// Restricted Damerau-Levenshtein distance: a swap of neighbours counts one.
fn edit_distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut current = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            current[j] = (previous[j] + 1).min(current[j - 1] + 1).min(previous[j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                current[j] = current[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut previous, current);
    }
    previous[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_misspelt_and_partial_names() {
        let names = ["stg_orders", "stg_customers", "orders", "payments"];
        assert_eq!(nearest("stg_order", names), ["stg_orders"]);
        assert_eq!(nearest("ordres", names), ["orders"]);
        assert_eq!(nearest("zebra", names), Vec::<&str>::new());
    }
}
