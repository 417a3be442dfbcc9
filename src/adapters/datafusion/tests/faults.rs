//! Storage that fails at the worst moments.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::super::connection::LakeConnection;
use super::super::instance::Instance;
use super::super::session::Engine;
use super::super::settings::Settings;
use super::super::{delta, store};
use super::{Lake, rows, run};
use crate::adapters::{Connection, ErrorKind};
use crate::base::{Dict, Value};

/// A store that refuses to write to places with a certain word, once it is told to.
#[derive(Debug)]
struct Faulty {
    inner: Arc<dyn ObjectStore>,
    word: &'static str,
    fails: Arc<AtomicBool>,
}

impl Faulty {
    fn check(&self, location: &Path) -> Result<()> {
        if self.fails.load(Ordering::SeqCst) && location.as_ref().contains(self.word) {
            return Err(Error::Generic { store: "faulty", source: "the power is out".into() });
        }
        Ok(())
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.check(location)?;
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.check(location)?;
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// A connection whose storage fails to write to places with a word as long as the switch is on.
fn faulty(lake: &Lake, word: &'static str) -> (Box<dyn Connection>, Arc<AtomicBool>) {
    let path = Value::from(lake.path().to_str());
    let options: Dict = [("path".to_owned(), path)].into_iter().collect();
    let settings = Arc::new(Settings::parse(&options, std::path::Path::new("/")).expect("settings"));
    let engine = Engine::start(&settings).expect("an engine");
    let whole = store::open(&settings).expect("a store");
    let fails = Arc::new(AtomicBool::new(false));
    let inner = Faulty { inner: Arc::clone(&whole.store), word, fails: Arc::clone(&fails) };
    let broken = delta::Lake::new(Arc::new(inner), whole.url.clone());
    let instance = Instance::over(&settings, engine, broken).expect("a lake");
    (Box::new(LakeConnection::new(Arc::new(instance))), fails)
}

const BOTH: &str = "select (select count(*) from t), (select count(*) from u)";

fn prepared(lake: &Lake) {
    run(&mut lake.connect(), "create table t as select 1 as id; create table u as select 1 as id");
}

#[test]
fn failing_before_the_commit_point_leaves_nothing() {
    for word in ["_transform/catalog", ".parquet"] {
        let lake = Lake::new();
        prepared(&lake);
        let (mut connection, fails) = faulty(&lake, word);
        connection.begin().expect("begin");
        run(&mut connection, "insert into t values (2)");
        fails.store(true, Ordering::SeqCst);
        let failed = connection.execute("insert into u values (2)", crate::adapters::Fetch::None);
        let error = failed.map(drop).and_then(|()| connection.commit()).expect_err(word);
        assert_eq!(error.kind, ErrorKind::Io, "{}", error.message);
        connection.rollback().expect("rollback");
        fails.store(false, Ordering::SeqCst);
        assert_eq!(rows(&mut connection, BOTH), "1 1", "{word}");
        assert_eq!(rows(&mut lake.connect(), BOTH), "1 1", "{word}");
        // Nothing stands in the way of the next attempt.
        run(&mut connection, "begin; insert into t values (2); insert into u values (2); commit");
        assert_eq!(rows(&mut lake.connect(), BOTH), "2 2", "{word}");
    }
}

#[test]
fn failing_after_the_commit_point_loses_nothing() {
    let lake = Lake::new();
    prepared(&lake);
    let (mut connection, fails) = faulty(&lake, "_delta_log");
    connection.begin().expect("begin");
    run(&mut connection, "insert into t values (2); delete from u; create table fresh as select 7 as id");
    fails.store(true, Ordering::SeqCst);
    let error = connection.commit().expect_err("no log can be written");
    assert!(error.help.as_deref().is_some_and(|help| help.contains("is committed")), "{error:?}");
    // As if the process had died here: the next one sees all of it, and so does this one when the storage is back.
    assert_eq!(rows(&mut lake.connect(), BOTH), "2 0");
    fails.store(false, Ordering::SeqCst);
    assert_eq!(rows(&mut connection, BOTH), "2 0");
    assert_eq!(rows(&mut connection, "select id from fresh"), "7");
    run(&mut connection, "insert into t values (3)");
    assert_eq!(rows(&mut lake.connect(), BOTH), "3 0");
}

#[test]
fn many_writers_lose_nothing_and_readers_see_whole_transactions() {
    let lake = Lake::new();
    run(&mut lake.connect(), "create table a (n int); create table b (n int)");
    let stop = Arc::new(AtomicBool::new(false));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let adapter = lake.adapter().for_reading().expect("an adapter");
            let mut connection = adapter.connect().expect("a reader");
            let mut seen = 0;
            while !stop.load(Ordering::SeqCst) {
                let counts = rows(&mut connection, "select (select count(*) from a), (select count(*) from b)");
                let (a, b) = counts.split_once(' ').expect("two counts");
                assert_eq!(a, b, "half a transaction");
                seen += 1;
            }
            seen
        });
        // Two processes with two connections each.
        let writers: Vec<_> = (0..2)
            .flat_map(|process| {
                let adapter = lake.adapter();
                (0..2).map(move |worker| (Arc::clone(&adapter), process * 2 + worker))
            })
            .map(|(adapter, number)| {
                scope.spawn(move || {
                    let mut connection = adapter.connect().expect("a writer");
                    for at in 0..12 {
                        let n = number * 100 + at;
                        let sql = format!("begin; insert into a values ({n}); insert into b values ({n}); commit");
                        run(&mut connection, &sql);
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().expect("a writer");
        }
        stop.store(true, Ordering::SeqCst);
        assert!(reader.join().expect("the reader") > 0);
    });
    let mut connection = lake.connect();
    assert_eq!(rows(&mut connection, "select count(*), count(distinct n) from a"), "48 48");
    assert_eq!(rows(&mut connection, "select count(*) from a join b on a.n = b.n"), "48");
}
