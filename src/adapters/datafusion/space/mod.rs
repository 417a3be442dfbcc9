//! Names -> what queries read. In: a parsed statement, what a transaction sees. Out: a session in which the statement can be
//! planned.
//!
//! Only what a statement names is opened: tables at their pinned version, views planned anew from their text, temporary tables,
//! files named in place of tables and by table functions.

pub(super) mod files;

use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider,
    SchemaProvider, TableProvider,
};
use datafusion::common::TableReference;
use datafusion::datasource::ViewTable;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, col};
use datafusion::sql::parser::{CopyToSource, Statement};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, Ident, ObjectName, Select, SelectItem, SetExpr, Statement as SqlStatement, Visit, VisitMut,
    Visitor, VisitorMut,
};

use super::catalog::{Entry, Kind};
use super::instance::Instance;
use super::statements::parse;
use super::transaction::{Temporaries, Transaction};
use super::upkeep::version_as_of;
use super::{errors, rewrite};
use crate::adapters::{AdapterError, ErrorKind};
use crate::base::AsOf;

/// Views in views may be so deep.
const MAX_VIEWS: usize = 200;

/// A connection's own table or view.
#[derive(Clone, Debug)]
pub(super) struct Temporary {
    /// What queries read.
    pub(super) provider: Arc<dyn TableProvider>,
    /// How many rows it has; none of a view.
    pub(super) rows: Option<u64>,
}

/// Where the names of a statement are looked up.
pub(super) struct Space<'a> {
    /// The lake.
    pub(super) instance: &'a Instance,
    /// What the statement sees.
    pub(super) transaction: &'a Transaction,
    /// The connection's temporary tables.
    pub(super) temporaries: &'a Temporaries,
    /// The connection's session.
    pub(super) session: &'a SessionState,
}

type Found<'f, T> = Pin<Box<dyn Future<Output = Result<T, AdapterError>> + Send + 'f>>;

impl Space<'_> {
    /// Plans a statement; `text` is what it was parsed from, for places of errors. Gives the session it was planned in as well.
    pub(super) async fn plan(
        &self,
        statement: Statement,
        text: &str,
    ) -> Result<(LogicalPlan, SessionState), AdapterError> {
        let search = &self.session.config_options().catalog.default_schema;
        let (statement, session) = self.prepared(statement, text, search, 0).await?;
        let plan = rewrite::plan(&session, statement).await.map_err(|e| errors::planning(&e, text))?;
        Ok((plan, session))
    }

    /// A session that knows what a statement names, and the statement with files under names of their own.
    pub(super) fn prepared<'f>(
        &'f self,
        mut statement: Statement,
        text: &'f str,
        search: &'f str,
        depth: usize,
    ) -> Found<'f, (Statement, SessionState)> {
        Box::pin(async move {
            let database = &self.instance.settings.database;
            let calls = match sql_mut(&mut statement) {
                Some(inner) => {
                    name_subqueries(inner);
                    files::extract(inner)?
                }
                None => Vec::new(),
            };
            let mut session = self.session.clone();
            session.config_mut().options_mut().catalog.default_schema = search.to_owned();
            let references = session.resolve_table_references(&statement).map_err(|e| errors::planning(&e, text))?;
            let names = Names::default();
            for call in calls {
                let provider = call.open(self.session).await.map_err(|mut error| {
                    error.position = errors::find_word(text, call.sought());
                    error
                })?;
                names.add(database, search, call.name(), provider);
            }
            for reference in references {
                self.add(&names, &reference, search, depth, &statement, text).await?;
            }
            session.register_catalog_list(names.list);
            session.mark_start_execution();
            Ok((statement, session))
        })
    }

    async fn add(
        &self,
        names: &Names,
        reference: &TableReference,
        search: &str,
        depth: usize,
        statement: &Statement,
        text: &str,
    ) -> Result<(), AdapterError> {
        let database = &self.instance.settings.database;
        let catalog = reference.catalog().unwrap_or(database);
        let schema = reference.schema().unwrap_or(search);
        if names.has(catalog, schema, reference.table()) {
            return Ok(());
        }
        if schema == "information_schema" {
            return self.add_all(names, depth).await;
        }
        match self.find(reference, search, depth).await? {
            Some(provider) => names.add(catalog, schema, reference.table(), provider),
            None if reference.schema().is_none() && self.session.table_functions().contains_key(reference.table()) => {}
            None => {
                let mut error = self.missing(reference, search);
                error.position = sql_of(statement).and_then(|inner| place_of(inner, reference.table(), text));
                return Err(error);
            }
        }
        Ok(())
    }

    async fn find(
        &self,
        reference: &TableReference,
        search: &str,
        depth: usize,
    ) -> Result<Option<Arc<dyn TableProvider>>, AdapterError> {
        let name = reference.table();
        let temporary = || self.temporaries.get(name).map(|t| Arc::clone(&t.provider));
        let in_temp = reference.schema().is_some_and(|s| matches!(s, "temp" | "pg_temp"));
        if (reference.schema().is_none() || in_temp)
            && let Some(found) = temporary()
        {
            return Ok(Some(found));
        }
        if reference.catalog().is_some_and(|c| !c.eq_ignore_ascii_case(&self.instance.settings.database)) {
            return Ok(None);
        }
        let schema = reference.schema().unwrap_or(search);
        let found = self.transaction.state().find(schema, name).map(|(_, entry)| Arc::clone(entry));
        match found {
            Some(entry) => self.provider(&entry, name, depth).await.map(Some),
            None => match (temporary(), AsOf::split(name)) {
                (None, (plain, Some(at))) => self.former(schema, plain, at).await,
                (found, _) => Ok(found),
            },
        }
    }

    /// A table as it was: `orders@v3`.
    async fn former(&self, schema: &str, name: &str, at: AsOf) -> Result<Option<Arc<dyn TableProvider>>, AdapterError> {
        let state = self.transaction.state();
        let Some((key, entry)) = state.find(schema, name) else { return Ok(None) };
        let shown = format!("{}.{}", key.0, key.1);
        let current = entry.location().and_then(|location| Some((location, *state.tables.get(location)?)));
        let Some((location, current)) = current else {
            let text = format!("{shown} is a view: views keep no versions");
            return Err(errors::told(ErrorKind::Unsupported, text));
        };
        let version = version_as_of(self.instance, &shown, location, current, at).await?;
        let table = self.instance.open_table(location, version).await?;
        table.refuse_if_vacuumed().await.map_err(|e| errors::delta(&e))?;
        table.provider().await.map(Some).map_err(|e| errors::delta(&e))
    }

    /// What queries read of a relation.
    pub(super) async fn provider(
        &self,
        entry: &Entry,
        name: &str,
        depth: usize,
    ) -> Result<Arc<dyn TableProvider>, AdapterError> {
        match &entry.kind {
            Kind::Table { location } => {
                if let Some(staged) = self.transaction.staged(location) {
                    return staged.provider().await.map_err(|e| errors::delta(&e));
                }
                let version = self.transaction.state().tables.get(location).copied().ok_or_else(|| {
                    errors::told(ErrorKind::Catalog, format!("the catalog has no version of the table {name}"))
                })?;
                Ok(Arc::clone(&self.instance.pinned(location, version).await?.provider))
            }
            Kind::View { sql, search, .. } => {
                let plan = self.view(sql, search, name, depth + 1).await?;
                Ok(Arc::new(ViewTable::new(plan, Some(sql.clone()))))
            }
        }
    }

    async fn view(&self, sql: &str, search: &str, name: &str, depth: usize) -> Result<LogicalPlan, AdapterError> {
        if depth > MAX_VIEWS {
            return Err(errors::told(ErrorKind::Binder, format!("the view \"{name}\" reads itself")));
        }
        let within = |mut error: AdapterError| {
            error.message = format!("in the view \"{name}\": {}", error.message);
            error.position = None;
            error
        };
        let statement = parse::one(sql).map_err(within)?;
        let (statement, session) = self.prepared(statement, sql, search, depth).await.map_err(within)?;
        let plan = rewrite::plan(&session, statement).await.map_err(|e| within(errors::planning(&e, sql)))?;
        told_apart(plan)
    }

    /// Everything, for `information_schema`.
    async fn add_all(&self, names: &Names, depth: usize) -> Result<(), AdapterError> {
        let database = self.instance.settings.database.clone();
        let state = Arc::clone(self.transaction.state());
        for schema in state.schemas.keys() {
            names.schema(&database, schema);
        }
        for (schema, name, entry) in state.relations() {
            if names.has(&database, schema, name) {
                continue;
            }
            // A view that does not plan any more is no reason to hide the others.
            if let Ok(provider) = self.provider(entry, name, depth).await {
                names.add(&database, schema, name, provider);
            }
        }
        Ok(())
    }

    fn missing(&self, reference: &TableReference, search: &str) -> AdapterError {
        let database = &self.instance.settings.database;
        if let Some(catalog) = reference.catalog()
            && !catalog.eq_ignore_ascii_case(database)
        {
            let text = format!("Database \"{catalog}\" does not exist; the lake is \"{database}\"");
            return errors::told(ErrorKind::Catalog, text);
        }
        let schema = reference.schema().unwrap_or(search);
        let state = self.transaction.state();
        let mut error = if state.schema_name(schema).is_none() {
            let mut error = errors::told(ErrorKind::Catalog, format!("Schema \"{schema}\" does not exist"));
            error.candidates = errors::nearest(schema, state.schemas.keys().map(String::as_str));
            error
        } else {
            let name = reference.table();
            let mut error = errors::told(ErrorKind::Catalog, format!("Table \"{schema}.{name}\" does not exist"));
            let names = state.relations().map(|(_, name, _)| name).chain(self.temporaries.keys().map(String::as_str));
            error.candidates = errors::nearest(name, names);
            error
        };
        error.candidates.dedup();
        error
    }
}

/// A query over a provider.
pub(super) fn scan(name: &str, provider: Arc<dyn TableProvider>) -> Result<LogicalPlanBuilder, AdapterError> {
    let source = datafusion::datasource::provider_as_source(provider);
    LogicalPlanBuilder::scan(TableReference::bare(name), source, None).map_err(|e| errors::running(&e))
}

/// A plan whose columns have other names.
pub(super) fn renamed(plan: LogicalPlan, names: &[String]) -> Result<LogicalPlan, AdapterError> {
    if names.len() != plan.schema().fields().len() {
        let text = format!("{} names for {} columns", names.len(), plan.schema().fields().len());
        return Err(errors::told(ErrorKind::Binder, text));
    }
    let columns: Vec<_> = plan.schema().columns().into_iter().zip(names).map(|(c, n)| col(c).alias(n)).collect();
    LogicalPlanBuilder::from(plan).project(columns).and_then(LogicalPlanBuilder::build).map_err(|e| errors::running(&e))
}

/// Columns of one name, which stars over several tables give, are numbered: `id`, `id_1`.
pub(super) fn told_apart(plan: LogicalPlan) -> Result<LogicalPlan, AdapterError> {
    let fields = plan.schema().fields();
    let mut seen: HashSet<String> = HashSet::new();
    let mut names = Vec::with_capacity(fields.len());
    for field in fields {
        let mut unique = field.name().clone();
        let mut number = 0;
        while !seen.insert(unique.to_lowercase()) {
            number += 1;
            unique = format!("{}_{number}", field.name());
        }
        names.push(unique);
    }
    let same = fields.iter().zip(&names).all(|(field, name)| field.name() == name);
    if same { Ok(plan) } else { renamed(plan, &names) }
}

/// The names that one statement may use.
#[derive(Debug)]
struct Names {
    list: Arc<MemoryCatalogProviderList>,
}

impl Default for Names {
    fn default() -> Self {
        Self { list: Arc::new(MemoryCatalogProviderList::new()) }
    }
}

impl Names {
    fn schema(&self, catalog: &str, schema: &str) -> Arc<dyn SchemaProvider> {
        let catalog = self.list.catalog(catalog).unwrap_or_else(|| {
            let made: Arc<dyn CatalogProvider> = Arc::new(MemoryCatalogProvider::new());
            self.list.register_catalog(catalog.to_owned(), Arc::clone(&made));
            made
        });
        catalog.schema(schema).unwrap_or_else(|| {
            let made: Arc<dyn SchemaProvider> = Arc::new(MemorySchemaProvider::new());
            let _ = catalog.register_schema(schema, Arc::clone(&made));
            made
        })
    }

    fn has(&self, catalog: &str, schema: &str, name: &str) -> bool {
        let schema = self.list.catalog(catalog).and_then(|c| c.schema(schema));
        schema.is_some_and(|s| s.table_exist(name))
    }

    fn add(&self, catalog: &str, schema: &str, name: &str, provider: Arc<dyn TableProvider>) {
        let _ = self.schema(catalog, schema).register_table(name.to_owned(), provider);
    }
}

/// The SQL statement inside of DataFusion's.
fn sql_mut(statement: &mut Statement) -> Option<&mut SqlStatement> {
    match statement {
        Statement::Statement(inner) => Some(inner),
        Statement::Explain(explain) => sql_mut(&mut explain.statement),
        _ => None,
    }
}

fn sql_of(statement: &Statement) -> Option<&SqlStatement> {
    match statement {
        Statement::Statement(inner) => Some(inner),
        Statement::Explain(explain) => sql_of(&explain.statement),
        Statement::CopyTo(copy) => match &copy.source {
            CopyToSource::Relation(_) | CopyToSource::Query(_) => None,
        },
        _ => None,
    }
}

/// Gives the values of `in (select max(x) from t)` a name: without one the planner may take two of them for the same column.
pub(super) fn name_subqueries(statement: &mut SqlStatement) {
    struct Namer;
    impl VisitorMut for Namer {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &mut SqlExpr) -> std::ops::ControlFlow<()> {
            if let SqlExpr::InSubquery { subquery, .. } = expr
                && let Some(select) = first_select(subquery.body.as_mut())
                && let [item] = select.projection.as_mut_slice()
                && let SelectItem::UnnamedExpr(value) = item
                && !matches!(value, SqlExpr::Identifier(_) | SqlExpr::CompoundIdentifier(_))
            {
                *item = SelectItem::ExprWithAlias { expr: value.clone(), alias: Ident::new("__value") };
            }
            std::ops::ControlFlow::Continue(())
        }
    }
    let _ = statement.visit(&mut Namer);
}

/// The SELECT that names the columns.
fn first_select(body: &mut SetExpr) -> Option<&mut Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::SetOperation { left, .. } => first_select(left),
        _ => None,
    }
}

/// Where a relation is named first.
fn place_of(statement: &SqlStatement, name: &str, text: &str) -> Option<usize> {
    struct Seeker<'s>(&'s str);
    impl Visitor for Seeker<'_> {
        type Break = (u64, u64);
        fn pre_visit_relation(&mut self, relation: &ObjectName) -> std::ops::ControlFlow<(u64, u64)> {
            let last = relation.0.last().and_then(|part| part.as_ident());
            let first = relation.0.first().and_then(|part| part.as_ident());
            match (first, last) {
                (Some(first), Some(last)) if last.value.eq_ignore_ascii_case(self.0) => {
                    std::ops::ControlFlow::Break((first.span.start.line, first.span.start.column))
                }
                _ => std::ops::ControlFlow::Continue(()),
            }
        }
    }
    match statement.visit(&mut Seeker(name)) {
        std::ops::ControlFlow::Break((line, column)) => errors::offset(line, column, text),
        std::ops::ControlFlow::Continue(()) => errors::find_word(text, name),
    }
}

/// No temporary tables.
pub(super) fn no_temporaries() -> Temporaries {
    Arc::new(BTreeMap::new())
}
