//! Where a node's rendered code is written.
//!
//! In: nodes. Out: paths with forward slashes, relative like the target folder that was given.
//!
//! dbt writes `compiled/` for every node whose code was rendered with its parents inlined, except seeds and snapshots
//! (ephemeral models only by `compile`), and `run/` for every node that ran.

use crate::node::{Node, UnitTest};

/// The two trees under the target folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subfolder {
    /// Rendered code.
    Compiled,
    /// The statements that ran.
    Run,
}

impl Subfolder {
    /// The folder's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compiled => "compiled",
            Self::Run => "run",
        }
    }
}

/// `target/compiled/shop/models/orders.sql`; a node that shares its file with others gets a folder named like the file:
/// `target/compiled/shop/models/schema.yml/unique_orders_id.sql`.
pub fn node_path(target: &str, subfolder: Subfolder, node: &Node) -> String {
    join(target, subfolder, &node.package, &file_path(&node.original_path, &node.path))
}

/// The file of one batch of a microbatch model: `.../models/orders/orders_2024-05-01.sql`.
pub fn batch_path(target: &str, subfolder: Subfolder, node: &Node, batch: &str) -> String {
    let whole = node_path(target, subfolder, node);
    let (folder, file) = whole.rsplit_once('/').unwrap_or(("", &whole));
    let (stem, extension) =
        file.rsplit_once('.').map_or((file, String::new()), |(stem, ext)| (stem, format!(".{ext}")));
    format!("{folder}/{stem}/{stem}_{batch}{extension}")
}

/// The file of a unit test: `target/compiled/shop/models/schema.yml/models/test_name.sql`. A version of the tested model
/// is part of the name.
pub fn unit_test_path(target: &str, subfolder: Subfolder, test: &UnitTest) -> String {
    let name = match &test.version {
        crate::base::Value::Null => test.name.clone(),
        version => format!("{}_v{version}", test.name),
    };
    let path = match test.original_path.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{name}.sql"),
        None => format!("{name}.sql"),
    };
    join(target, subfolder, &test.package, &file_path(&test.original_path, &path))
}

fn file_path(original_path: &str, path: &str) -> String {
    if base_name(original_path) == base_name(path) {
        original_path.to_owned()
    } else {
        format!("{original_path}/{path}")
    }
}

fn base_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

fn join(target: &str, subfolder: Subfolder, package: &str, path: &str) -> String {
    format!("{}/{}/{package}/{path}", target.trim_end_matches('/'), subfolder.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_or_many_nodes_in_a_file() {
        let cases = [
            ("models/a/b.sql", "a/b.sql", "models/a/b.sql"),
            ("models/a/schema.yml", "unique_b_id.sql", "models/a/schema.yml/unique_b_id.sql"),
            ("snapshots/two.sql", "two/first.sql", "snapshots/two.sql/two/first.sql"),
            ("./dbt_project.yml", "hooks/shop-on-run-end-0.sql", "./dbt_project.yml/hooks/shop-on-run-end-0.sql"),
            ("models/ver_v1.sql", "ver_v1.sql", "models/ver_v1.sql"),
        ];
        for (original, path, expected) in cases {
            assert_eq!(file_path(original, path), expected);
        }
        assert_eq!(join("target/", Subfolder::Run, "shop", "seeds/a.csv"), "target/run/shop/seeds/a.csv");
    }
}
