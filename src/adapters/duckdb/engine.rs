//! Owned handles around DuckDB's C API. In: text. Out: statements, results and chunks that free themselves.
//!
//! The C API and not the row interface of the `duckdb` crate, because only it gives statements one by one, every type of value
//! without panicking on some, and errors before they are shortened. All `unsafe` of the adapter is here, in
//! [`super::vectors`], [`super::types`] and [`super::fallback`].

use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use duckdb::ffi;

/// DuckDB's text about a failure, not yet read.
pub(super) type Failure = String;

fn c_string(text: &str) -> Result<CString, Failure> {
    CString::new(text).map_err(|_| "Parser Error: the SQL holds a NUL character".to_owned())
}

/// Copies a C string that DuckDB keeps.
pub(super) fn borrowed_text(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: DuckDB hands out NUL-terminated strings that live as long as the handle the caller holds.
    Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// Copies and frees a C string that DuckDB gave away.
pub(super) fn owned_text(text: *mut c_char) -> Option<String> {
    let copy = borrowed_text(text);
    if !text.is_null() {
        // SAFETY: the caller received the string from a function whose result is freed by `duckdb_free`.
        unsafe { ffi::duckdb_free(text.cast()) };
    }
    copy
}

/// The version of the linked library, such as `v2.0.0`.
pub(super) fn version() -> String {
    // SAFETY: a static string.
    borrowed_text(unsafe { ffi::duckdb_library_version() }).unwrap_or_default()
}

/// An open database instance.
pub(super) struct Database {
    raw: ffi::duckdb_database,
}

// SAFETY: DuckDB's instance is thread-safe; the pointer is only read until drop, when no connection is left.
unsafe impl Send for Database {}
unsafe impl Sync for Database {}

impl Database {
    /// Opens a file or `:memory:` with configuration options.
    pub(super) fn open(path: &str, config: &[(String, String)]) -> Result<Self, Failure> {
        let path = c_string(path)?;
        let mut options: ffi::duckdb_config = ptr::null_mut();
        let mut raw: ffi::duckdb_database = ptr::null_mut();
        let mut error: *mut c_char = ptr::null_mut();
        // SAFETY: out-pointers are valid; the configuration is destroyed on every way out.
        unsafe {
            if ffi::duckdb_create_config(&mut options) != ffi::DuckDBSuccess {
                return Err("the configuration cannot be created".to_owned());
            }
            for (name, value) in config {
                let (c_name, c_value) = (c_string(name)?, c_string(value)?);
                if ffi::duckdb_set_config(options, c_name.as_ptr(), c_value.as_ptr()) != ffi::DuckDBSuccess {
                    ffi::duckdb_destroy_config(&mut options);
                    return Err(format!("Invalid Configuration Error: DuckDB has no option `{name}`"));
                }
            }
            let state = ffi::duckdb_open_ext(path.as_ptr(), &mut raw, options, &mut error);
            ffi::duckdb_destroy_config(&mut options);
            if state != ffi::DuckDBSuccess {
                return Err(owned_text(error).unwrap_or_else(|| "the database cannot be opened".to_owned()));
            }
        }
        Ok(Self { raw })
    }

    /// A new connection, which keeps the instance open.
    pub(super) fn connect(self: &Arc<Self>) -> Result<Session, Failure> {
        let mut raw: ffi::duckdb_connection = ptr::null_mut();
        // SAFETY: the instance is open, the out-pointer valid.
        if unsafe { ffi::duckdb_connect(self.raw, &mut raw) } != ffi::DuckDBSuccess {
            return Err("the instance refuses another connection".to_owned());
        }
        Ok(Session { handle: Arc::new(Handle { raw: Mutex::new(raw) }), raw, _database: Arc::clone(self) })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // SAFETY: sessions hold the instance, so none is left.
        unsafe { ffi::duckdb_close(&mut self.raw) };
    }
}

/// A connection's pointer, null once it is closed. Serves interruption from other threads.
pub(super) struct Handle {
    raw: Mutex<ffi::duckdb_connection>,
}

// SAFETY: the pointer is used under the lock only; DuckDB allows interruption from any thread.
unsafe impl Send for Handle {}
unsafe impl Sync for Handle {}

impl Handle {
    fn lock(&self) -> MutexGuard<'_, ffi::duckdb_connection> {
        self.raw.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Interrupts the running query; after the end of the connection, nothing.
    pub(super) fn interrupt(&self) {
        let raw = self.lock();
        if !raw.is_null() {
            // SAFETY: closing takes the same lock and leaves null.
            unsafe { ffi::duckdb_interrupt(*raw) };
        }
    }
}

/// One connection.
pub(super) struct Session {
    handle: Arc<Handle>,
    raw: ffi::duckdb_connection,
    _database: Arc<Database>,
}

// SAFETY: a DuckDB connection may move between threads; it is not shared, for it is not `Sync`.
unsafe impl Send for Session {}

impl Session {
    /// What interrupts this session.
    pub(super) fn handle(&self) -> &Arc<Handle> {
        &self.handle
    }

    /// The raw pointer, for the functions that need one.
    pub(super) fn raw(&self) -> ffi::duckdb_connection {
        self.raw
    }

    /// Parses SQL into its statements.
    pub(super) fn statements(&self, sql: &str) -> Result<Statements<'_>, Failure> {
        let sql = c_string(sql)?;
        let mut raw: ffi::duckdb_extracted_statements = ptr::null_mut();
        // SAFETY: the connection is open, the out-pointer valid; `Statements` frees what was extracted.
        let statements = unsafe {
            let count = ffi::duckdb_extract_statements(self.raw, sql.as_ptr(), &mut raw);
            Statements { raw, count, session: self }
        };
        if statements.count == 0 {
            // SAFETY: the handle lives until the end of this block.
            let error = unsafe { borrowed_text(ffi::duckdb_extract_statements_error(statements.raw)) };
            if let Some(error) = error.filter(|e| !e.is_empty()) {
                return Err(error);
            }
        }
        Ok(statements)
    }

    /// Runs one piece of SQL for its effect.
    pub(super) fn run(&self, sql: &str) -> Result<(), Failure> {
        self.direct(sql).map(drop)
    }

    /// Runs SQL at once; the last statement's result is returned, whole. What is prepared first is planned twice where a
    /// transaction has changed the catalog, and costs a third of a millisecond more at least. While other threads work for a
    /// statement, this one keeps asking for tasks.
    pub(super) fn direct(&self, sql: &str) -> Result<ResultSet<'_>, Failure> {
        let sql = c_string(sql)?;
        // SAFETY: the connection is open; a zeroed result is what the C API asks for; `ResultSet` frees it also on failure.
        unsafe {
            let mut result = ResultSet { raw: std::mem::zeroed(), _session: self };
            if ffi::duckdb_query(self.raw, sql.as_ptr(), &mut result.raw) != ffi::DuckDBSuccess {
                return Err(result.error().unwrap_or_else(|| "the statement failed".to_owned()));
            }
            Ok(result)
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let mut raw = self.handle.lock();
        *raw = ptr::null_mut();
        // SAFETY: nobody else holds the pointer now.
        unsafe { ffi::duckdb_disconnect(&mut self.raw) };
    }
}

/// The parsed statements of one text.
pub(super) struct Statements<'a> {
    raw: ffi::duckdb_extracted_statements,
    count: u64,
    session: &'a Session,
}

impl<'a> Statements<'a> {
    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Binds and plans one; those before it must have run.
    pub(super) fn prepare(&self, index: u64) -> Result<Prepared<'a>, Failure> {
        let mut raw: ffi::duckdb_prepared_statement = ptr::null_mut();
        // SAFETY: handles are live; `Prepared` frees the statement also if preparing failed.
        unsafe {
            let state = ffi::duckdb_prepare_extracted_statement(self.session.raw, self.raw, index, &mut raw);
            let prepared = Prepared { raw, _session: self.session };
            if state != ffi::DuckDBSuccess {
                let error = borrowed_text(ffi::duckdb_prepare_error(prepared.raw));
                return Err(error.unwrap_or_else(|| "the statement cannot be prepared".to_owned()));
            }
            Ok(prepared)
        }
    }
}

impl Drop for Statements<'_> {
    fn drop(&mut self) {
        // SAFETY: created by `duckdb_extract_statements`; destroying null is allowed.
        unsafe { ffi::duckdb_destroy_extracted(&mut self.raw) };
    }
}

/// How long a thread that has nothing to do for its statement looks away.
const REST: std::time::Duration = std::time::Duration::from_micros(100);

/// A statement ready to run.
pub(super) struct Prepared<'a> {
    raw: ffi::duckdb_prepared_statement,
    _session: &'a Session,
}

impl<'a> Prepared<'a> {
    /// Whether this is BEGIN, COMMIT or ROLLBACK.
    pub(super) fn is_transaction_control(&self) -> bool {
        // SAFETY: the statement is live.
        let kind = unsafe { ffi::duckdb_prepared_statement_type(self.raw) };
        kind == ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_TRANSACTION
    }

    /// Runs it. A streaming result is computed while it is fetched, where DuckDB can.
    pub(super) fn execute(&self, streaming: bool) -> Result<ResultSet<'a>, Failure> {
        // SAFETY: a zeroed result is what the C API asks for; `ResultSet` frees it also on failure.
        unsafe {
            let mut result = ResultSet { raw: std::mem::zeroed(), _session: self._session };
            let state = if streaming {
                ffi::duckdb_execute_prepared_streaming(self.raw, &mut result.raw)
            } else {
                let mut pending = Pending(ptr::null_mut());
                if ffi::duckdb_pending_prepared(self.raw, &mut pending.0) != ffi::DuckDBSuccess {
                    let error = borrowed_text(ffi::duckdb_pending_error(pending.0));
                    return Err(error.unwrap_or_else(|| "the statement failed".to_owned()));
                }
                pending.help_out();
                ffi::duckdb_execute_pending(pending.0, &mut result.raw)
            };
            if state != ffi::DuckDBSuccess {
                return Err(result.error().unwrap_or_else(|| "the statement failed".to_owned()));
            }
            Ok(result)
        }
    }
}

/// A statement that is running.
struct Pending(ffi::duckdb_pending_result);

impl Pending {
    /// Works on the statement until it is done. While the engine's own threads have all that is left of it (the checkpoint
    /// of a commit, for one), this thread rests: the engine would have it ask again and again, at the others' expense.
    fn help_out(&self) {
        const PATIENCE: u32 = 64;
        let mut idle = 0;
        loop {
            // SAFETY: the pending result is live.
            match unsafe { ffi::duckdb_pending_execute_task(self.0) } {
                ffi::duckdb_pending_state_DUCKDB_PENDING_RESULT_NOT_READY => idle = 0,
                ffi::duckdb_pending_state_DUCKDB_PENDING_NO_TASKS_AVAILABLE if idle < PATIENCE => {
                    idle += 1;
                    std::thread::yield_now();
                }
                ffi::duckdb_pending_state_DUCKDB_PENDING_NO_TASKS_AVAILABLE => std::thread::sleep(REST),
                _ => return,
            }
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // SAFETY: created by `duckdb_pending_prepared`; destroying null is allowed.
        unsafe { ffi::duckdb_destroy_pending(&mut self.0) };
    }
}

impl Drop for Prepared<'_> {
    fn drop(&mut self) {
        // SAFETY: created by `duckdb_prepare_extracted_statement`; destroying null is allowed.
        unsafe { ffi::duckdb_destroy_prepare(&mut self.raw) };
    }
}

/// What a statement returned.
pub(super) struct ResultSet<'a> {
    raw: ffi::duckdb_result,
    _session: &'a Session,
}

impl ResultSet<'_> {
    fn error(&mut self) -> Option<Failure> {
        // SAFETY: the result is live.
        borrowed_text(unsafe { ffi::duckdb_result_error(&mut self.raw) }).filter(|e| !e.is_empty())
    }

    /// Names and types of the columns. A type that cannot be had is null, which [`super::types`] takes for unknown.
    pub(super) fn columns(&mut self) -> Vec<(String, ffi::duckdb_logical_type)> {
        // SAFETY: the result is live and indexes are below the count.
        unsafe {
            (0..ffi::duckdb_column_count(&mut self.raw))
                .map(|i| {
                    let name = borrowed_text(ffi::duckdb_column_name(&mut self.raw, i)).unwrap_or_default();
                    (name, ffi::duckdb_column_logical_type(&mut self.raw, i))
                })
                .collect()
        }
    }

    /// Rows inserted, updated or deleted, if the statement is of that kind.
    pub(super) fn rows_changed(&mut self) -> Option<u64> {
        // SAFETY: the result is live.
        unsafe {
            let kind = ffi::duckdb_result_return_type(self.raw);
            (kind == ffi::duckdb_result_type_DUCKDB_RESULT_TYPE_CHANGED_ROWS)
                .then(|| ffi::duckdb_rows_changed(&mut self.raw))
        }
    }

    /// The next rows; none at the end.
    pub(super) fn next_chunk(&mut self) -> Result<Option<Chunk>, Failure> {
        // SAFETY: the result is live; `Chunk` owns what is fetched.
        let raw = unsafe { ffi::duckdb_fetch_chunk(self.raw) };
        if raw.is_null() {
            return self.error().map_or(Ok(None), Err);
        }
        let chunk = Chunk { raw };
        if chunk.len() == 0 {
            return self.error().map_or(Ok(None), Err);
        }
        Ok(Some(chunk))
    }
}

impl Drop for ResultSet<'_> {
    fn drop(&mut self) {
        // SAFETY: filled by an execute function; freed once.
        unsafe { ffi::duckdb_destroy_result(&mut self.raw) };
    }
}

/// Up to 2,048 rows in columns.
pub(super) struct Chunk {
    raw: ffi::duckdb_data_chunk,
}

impl Chunk {
    /// Takes over a chunk; null stands for no rows.
    pub(super) fn from_raw(raw: ffi::duckdb_data_chunk) -> Self {
        Self { raw }
    }

    /// The raw pointer.
    pub(super) fn raw(&self) -> ffi::duckdb_data_chunk {
        self.raw
    }

    /// Rows in it.
    pub(super) fn len(&self) -> usize {
        // SAFETY: the chunk is live.
        unsafe { ffi::duckdb_data_chunk_get_size(self.raw) as usize }
    }

    /// One column's vector, valid while the chunk lives.
    pub(super) fn vector(&self, column: usize) -> ffi::duckdb_vector {
        // SAFETY: the chunk is live; a wrong index gives null.
        unsafe { ffi::duckdb_data_chunk_get_vector(self.raw, column as u64) }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: owned; destroying null is allowed.
        unsafe { ffi::duckdb_destroy_data_chunk(&mut self.raw) };
    }
}
