//! A project in a fresh folder and its warehouse, for tests of laws on every engine of the program: files in, rows out.
//! `TEST_ENGINE=datafusion` takes one engine alone.

use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use transform::adapters::{self, Fetch};
use transform::base::{Dict, Value};

use crate::case_run::program;

/// The engines that laws are tried on, with a number of histories for each: few on those whose tables are made more slowly.
pub fn engines() -> Vec<(&'static str, u32)> {
    let wanted = std::env::var("TEST_ENGINE").ok();
    let wanted = |engine: &str| wanted.as_deref().is_none_or(|wanted| wanted == engine);
    let cases = |engine| (engine, if engine == adapters::TYPES[0] { 2 } else { 1 });
    let engines: Vec<_> = adapters::TYPES.iter().copied().filter(|engine| wanted(engine)).map(cases).collect();
    assert!(!engines.is_empty(), "the program has no engine of that name");
    engines
}

/// Tries a law on random histories, always the same ones: `INCREMENTAL_CASES` says how many.
pub fn runner(cases: u32) -> TestRunner {
    let cases = std::env::var("INCREMENTAL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(cases);
    let config = Config { cases, max_shrink_iters: 60, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// A project named `shop`.
pub struct Warehouse {
    folder: tempfile::TempDir,
    engine: &'static str,
}

impl Warehouse {
    /// An empty project.
    pub fn new(engine: &'static str) -> Self {
        let warehouse = Self { folder: tempfile::tempdir().expect("a folder can be made"), engine };
        let target = format!("{{type: {}, path: {}, threads: 4}}", warehouse.engine, warehouse.place());
        warehouse.write("dbt_project.yml", "name: shop\nprofile: shop\n");
        warehouse.write("profiles.yml", &format!("shop: {{target: dev, outputs: {{dev: {target}}}}}\n"));
        warehouse
    }

    /// Whether it is the engine that is embedded first.
    pub fn is_duckdb(&self) -> bool {
        self.engine == "duckdb"
    }

    fn place(&self) -> &'static str {
        if self.is_duckdb() { "shop.duckdb" } else { "shop" }
    }

    /// The project's folder.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: &str) {
        let target = self.root().join(path);
        std::fs::create_dir_all(target.parent().unwrap_or(self.root())).expect("a folder can be made");
        std::fs::write(target, text).expect("a file can be written");
    }

    /// The program, with the project as its working folder.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = program(self.root());
        command.args(args);
        command
    }

    /// Runs the program; whether it ended with 0 or 1, as it has to.
    pub fn run(&self, args: &[&str]) -> Result<bool, TestCaseError> {
        let output = self.command(args).output().expect("the program starts");
        let code = output.status.code();
        let talk = || format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        prop_assert!(matches!(code, Some(0 | 1)), "{args:?}: {code:?}\n{}", talk());
        Ok(code == Some(0))
    }

    /// The first column of one query after another, as text; nothing where a query fails.
    pub fn ask(&self, queries: &[String]) -> Vec<Option<Vec<String>>> {
        let options: Dict = [("type", self.engine), ("path", self.place())]
            .map(|(key, value)| (key.to_owned(), Value::from(value)))
            .into_iter()
            .collect();
        let adapter = adapters::open(&options, self.root()).expect("the database is there");
        let mut connection = adapter.connect().expect("nobody else holds the database");
        let mut ask = |sql: &String| {
            let rows = connection.execute(sql, Fetch::All).ok()?.table.rows;
            Some(rows.into_iter().map(|row| row[0].as_str().unwrap_or_default().to_owned()).collect())
        };
        queries.iter().map(&mut ask).collect()
    }

    /// [`Warehouse::ask`] where every query has to succeed.
    pub fn answers(&self, queries: &[String]) -> Vec<Vec<String>> {
        let answers = self.ask(queries).into_iter().zip(queries);
        answers.map(|(answer, sql)| answer.unwrap_or_else(|| panic!("the table is there: {sql}"))).collect()
    }
}
