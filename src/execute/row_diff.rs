//! The difference of two sets of rows, drawn as a table: what a failed unit test shows.
//!
//! In: column names, expected and actual rows as texts. Out: lines in the layout that people know from dbt:
//!
//! ```text
//! @@ ,id ,status
//!    ,1  ,placed
//! →  ,2  ,placed→shipped
//! +++,3  ,returned
//! ---,4  ,placed
//! ...,...,...
//! ```
//!
//! `→` a row that differs (expected→actual), `+++` a row that nobody expected, `---` one that is missing, `...` equal
//! rows or columns that were left out.

use std::cmp::Ordering;
use std::collections::HashMap;

/// One row as texts; `None` is null.
pub(super) type Cells = Vec<Option<String>>;

/// How many comparisons of rows are worth a nicer picture.
const MOST_COMPARISONS: usize = 4_000_000;

const GAP: &str = "...";

/// A line of the picture before it is drawn.
enum Line {
    Same(Cells),
    Changed(Cells, Cells),
    Added(Cells),
    Missing(Cells),
}

impl Line {
    /// The row that decides where the line stands.
    fn row(&self) -> &Cells {
        match self {
            Self::Same(row) | Self::Changed(row, _) | Self::Added(row) | Self::Missing(row) => row,
        }
    }

    fn is_same(&self) -> bool {
        matches!(self, Self::Same(_))
    }
}

/// The picture; none if both sides hold the same rows, in any order.
pub(super) fn picture(columns: &[String], expected: Vec<Cells>, actual: Vec<Cells>) -> Option<String> {
    let mut lines = align(expected, actual);
    if lines.iter().all(Line::is_same) {
        return None;
    }
    lines.sort_by(|a, b| compare_rows(a.row(), b.row()));
    let shown = shown_columns(&lines, columns.len());
    let mut table = vec![drawn_row("@@", columns.iter().map(|name| quoted(name)).collect(), &shown)];
    let mut in_gap = false;
    for (index, line) in lines.iter().enumerate() {
        let near = |at: Option<usize>| at.and_then(|at| lines.get(at)).is_some_and(|line| !line.is_same());
        if line.is_same() && !near(index.checked_sub(1)) && !near(Some(index + 1)) {
            if !in_gap {
                table.push(drawn_row(GAP, vec![GAP.to_owned(); columns.len()], &shown));
            }
            in_gap = true;
            continue;
        }
        in_gap = false;
        table.push(match line {
            Line::Same(row) => drawn_row("", texts(row), &shown),
            Line::Added(row) => drawn_row("+++", texts(row), &shown),
            Line::Missing(row) => drawn_row("---", texts(row), &shown),
            Line::Changed(old, new) => {
                let cells = old.iter().zip(new).map(|(old, new)| match old == new {
                    true => text(old),
                    false => format!("{}→{}", text(old), text(new)),
                });
                drawn_row("→", cells.collect(), &shown)
            }
        });
    }
    Some(padded(&table))
}

/// Equal rows meet; of the others, those that share the most cells are taken for two states of one row.
fn align(expected: Vec<Cells>, actual: Vec<Cells>) -> Vec<Line> {
    let mut left: HashMap<&Cells, usize> = HashMap::new();
    for row in &actual {
        *left.entry(row).or_default() += 1;
    }
    let (mut lines, mut missing) = (Vec::new(), Vec::new());
    for row in expected {
        match left.get_mut(&row) {
            Some(count) if *count > 0 => {
                *count -= 1;
                lines.push(Line::Same(row));
            }
            _ => missing.push(row),
        }
    }
    let mut surplus: Vec<Cells> = left.into_iter().flat_map(|(row, n)| std::iter::repeat_n(row.clone(), n)).collect();
    surplus.sort_by(compare_rows);
    missing.sort_by(compare_rows);
    for (old, new) in pairs(&missing, &surplus) {
        lines.push(Line::Changed(std::mem::take(&mut missing[old]), std::mem::take(&mut surplus[new])));
    }
    lines.extend(missing.into_iter().filter(|row| !row.is_empty()).map(Line::Missing));
    lines.extend(surplus.into_iter().filter(|row| !row.is_empty()).map(Line::Added));
    lines
}

/// Pairs of rows by how much they share, the most alike first; an equal first column, mostly a key, breaks ties.
fn pairs(missing: &[Cells], surplus: &[Cells]) -> Vec<(usize, usize)> {
    if missing.len().saturating_mul(surplus.len()) > MOST_COMPARISONS {
        return Vec::new();
    }
    let mut found: Vec<(usize, bool, usize, usize)> = Vec::new();
    for (old, a) in missing.iter().enumerate() {
        for (new, b) in surplus.iter().enumerate() {
            // Two nulls say nothing of two rows.
            let shared = a.iter().zip(b).filter(|(x, y)| x == y && x.is_some()).count();
            if shared > 0 {
                found.push((shared, a.first() == b.first(), old, new));
            }
        }
    }
    found.sort_by(|a, b| (b.0, b.1).cmp(&(a.0, a.1)).then((a.2, a.3).cmp(&(b.2, b.3))));
    let (mut olds, mut news) = (vec![false; missing.len()], vec![false; surplus.len()]);
    let mut taken = Vec::new();
    for (_, _, old, new) in found {
        if !olds[old] && !news[new] {
            (olds[old], news[new]) = (true, true);
            taken.push((old, new));
        }
    }
    taken
}

/// Which columns are drawn: all where whole rows differ, else the first, the changed ones and their neighbours.
fn shown_columns(lines: &[Line], count: usize) -> Vec<bool> {
    if lines.iter().any(|line| matches!(line, Line::Added(_) | Line::Missing(_))) {
        return vec![true; count];
    }
    let mut shown = vec![false; count];
    for line in lines {
        let Line::Changed(old, new) = line else { continue };
        for (column, _) in old.iter().zip(new).enumerate().filter(|(_, (old, new))| old != new) {
            let near = column.saturating_sub(1)..(column + 2).min(count);
            shown[near].fill(true);
        }
    }
    if let Some(first) = shown.first_mut() {
        *first = true;
    }
    // A gap of one column would take as much room as the column.
    for column in 1..count.saturating_sub(1) {
        if !shown[column] && shown[column - 1] && shown[column + 1] {
            shown[column] = true;
        }
    }
    shown
}

fn drawn_row(mark: &str, cells: Vec<String>, shown: &[bool]) -> Vec<String> {
    let mut row = vec![mark.to_owned()];
    let mut in_gap = false;
    for (cell, shown) in cells.into_iter().zip(shown) {
        if *shown {
            row.push(cell);
        } else if !in_gap {
            row.push(GAP.to_owned());
        }
        in_gap = !*shown;
    }
    row
}

fn padded(table: &[Vec<String>]) -> String {
    let columns = table.first().map_or(0, Vec::len);
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join(",").trim_end().to_owned()
    };
    table.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn texts(row: &Cells) -> Vec<String> {
    row.iter().map(text).collect()
}

fn text(cell: &Option<String>) -> String {
    match cell {
        None => "NULL".to_owned(),
        // Not to be taken for a null.
        Some(text) if text == "NULL" => "\"NULL\"".to_owned(),
        Some(text) => quoted(text),
    }
}

/// CSV's quoting where a cell would be taken for two or for none, escapes for what is no visible character.
fn quoted(text: &str) -> String {
    let visible: String = text
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_debug().collect::<Vec<_>>() } else { vec![c] })
        .collect();
    let blank = visible.is_empty() || visible.starts_with(' ') || visible.ends_with(' ');
    if blank || visible.contains([',', '"']) { format!("\"{}\"", visible.replace('"', "\"\"")) } else { visible }
}

/// Numbers by value, other texts by letter, nulls last.
fn compare_rows(a: &Cells, b: &Cells) -> Ordering {
    let cell = |a: &Option<String>, b: &Option<String>| match (a, b) {
        (Some(a), Some(b)) => match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(x), Ok(y)) => x.total_cmp(&y).then_with(|| a.cmp(b)),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            _ => a.cmp(b),
        },
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
    };
    a.iter().zip(b).map(|(a, b)| cell(a, b)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Cells> {
        let cell = |c: &str| (c != "~").then(|| c.to_owned());
        text.lines().map(|line| line.split('|').map(cell).collect()).collect()
    }

    fn drawn(columns: &str, expected: &str, actual: &str) -> String {
        let columns: Vec<String> = columns.split('|').map(str::to_owned).collect();
        picture(&columns, rows(expected), rows(actual)).unwrap_or_default()
    }

    #[test]
    fn the_order_of_rows_is_no_difference() {
        assert_eq!(drawn("id|n", "1|a\n~|b\n~|b", "~|b\n1|a\n~|b"), "");
        assert_eq!(drawn("id", "1\n1", "1"), "@@ ,id\n   ,1\n---,1");
    }

    #[test]
    fn changed_added_and_missing_rows() {
        insta::assert_snapshot!(drawn("id|n", "1|x\n2|~\n3|a,b", "1|y\n2|z\n4|q\"w"), @r#"
        @@ ,id,n
        →  ,1 ,x→y
        →  ,2 ,NULL→z
        ---,3 ,"a,b"
        +++,4 ,"q""w"
        "#);
    }

    #[test]
    fn what_is_equal_is_left_out() {
        let row = |i: usize, d: &str| format!("{i}|{}|b|{d}|c|d|e|f", i * 7);
        let all = |d: &str| (0..12).map(|i| row(i, if i == 6 { d } else { "4" })).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(drawn("a|b|c|d|e|f|g|h", &all("4"), &all("9")), @"
        @@ ,a  ,b  ,c  ,d  ,e  ,...
        ...,...,...,...,...,...,...
           ,5  ,35 ,b  ,4  ,c  ,...
        →  ,6  ,42 ,b  ,4→9,c  ,...
           ,7  ,49 ,b  ,4  ,c  ,...
        ...,...,...,...,...,...,...
        ");
    }
}
