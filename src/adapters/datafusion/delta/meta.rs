//! The description of a table in its log: schema, partitioning, properties, protocol. In: arrow schemas and options. Out: the
//! `metaData` and `protocol` actions.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use deltalake_core::kernel::EagerSnapshot;
use deltalake_core::kernel::StructType;
use deltalake_core::kernel::engine::arrow_conversion::TryIntoArrow;
use serde_json::{Map, Value, json};

use super::{DeltaError, TableOptions, properties, types};

/// What a property's name of a CHECK constraint begins with.
const CHECKS: &str = "delta.constraints.";
/// Features of the log that writing here honours. Others may demand more of a writer than we do.
const FEATURES: &[&str] =
    &["appendOnly", "invariants", "checkConstraints", "timestampNtz", "deletionVectors", "v2Checkpoint"];

/// A table's description as it stands after what was staged.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Meta {
    /// The `metaData` action's content.
    meta: Map<String, Value>,
    /// The `protocol` action's content.
    protocol: Map<String, Value>,
    /// What is stored, with the names and types that data files have.
    schema: SchemaRef,
}

impl Meta {
    /// The description of a table whose schema is that of a query.
    pub(super) fn of_query(
        table: &str,
        query: &Schema,
        options: &TableOptions,
        previous: Option<&Self>,
    ) -> Result<Self, DeltaError> {
        check_names(table, query)?;
        let mut fields = Vec::with_capacity(query.fields().len());
        for field in query.fields() {
            let not_null = options.not_null.iter().any(|name| name == field.name());
            let stored = types::stored(field.name(), field.data_type())?;
            fields.push(field_json(field.name(), &stored, !not_null, options.column_comments.get(field.name())));
        }
        for (what, names) in [("NOT NULL", &options.not_null), ("partition", &options.partition_by)] {
            if let Some(missing) = names.iter().find(|name| query.field_with_name(name).is_err()) {
                return Err(DeltaError::Columns(format!("{table} has no column `{missing}` ({what} column)")));
            }
        }
        if !fields.is_empty() && options.partition_by.len() == fields.len() {
            return Err(DeltaError::Columns(format!("{table}: not all columns can be partition columns")));
        }
        for name in &options.partition_by {
            if query.field_with_name(name).is_ok_and(|f| f.data_type().is_nested()) {
                return Err(DeltaError::Columns(format!(
                    "{table}: column `{name}` is nested and cannot partition a table"
                )));
            }
        }
        for (name, value) in &options.properties {
            properties::check(table, name, value)?;
        }
        let mut configuration: Map<String, Value> =
            options.properties.iter().map(|(k, v)| (k.clone(), Value::from(v.clone()))).collect();
        for (name, expression) in &options.checks {
            configuration.insert(format!("{CHECKS}{name}"), Value::from(expression.clone()));
        }
        let mut meta = match previous {
            Some(previous) => previous.meta.clone(),
            None => {
                let mut meta = Map::new();
                meta.insert("id".to_string(), json!(uuid::Uuid::new_v4().to_string()));
                meta.insert("format".to_string(), json!({"provider": "parquet", "options": {}}));
                meta.insert("createdTime".to_string(), json!(chrono::Utc::now().timestamp_millis()));
                meta
            }
        };
        meta.insert("schemaString".to_string(), json!(json!({"type": "struct", "fields": fields}).to_string()));
        meta.insert("partitionColumns".to_string(), json!(options.partition_by));
        meta.insert("configuration".to_string(), Value::Object(configuration));
        match &options.comment {
            Some(comment) => meta.insert("description".to_string(), json!(comment)),
            None => meta.remove("description"),
        };
        Self::assemble(meta, previous.map(|p| p.protocol.clone()).unwrap_or_default())
    }

    /// The description that a snapshot has.
    pub(super) fn of_snapshot(table: &str, snapshot: &EagerSnapshot) -> Result<Self, DeltaError> {
        let object = |value: Value| match value {
            Value::Object(map) => Ok(map),
            _ => Err(DeltaError::Corrupt { table: table.to_string(), reason: "an action is no object".to_string() }),
        };
        let meta = object(serde_json::to_value(snapshot.metadata())?)?;
        let protocol = object(serde_json::to_value(snapshot.protocol())?)?;
        let schema = arrow_schema(&meta)?;
        Ok(Self { meta, protocol, schema })
    }

    fn assemble(meta: Map<String, Value>, protocol: Map<String, Value>) -> Result<Self, DeltaError> {
        let schema = arrow_schema(&meta)?;
        let mut made = Self { meta, protocol, schema };
        made.raise_protocol();
        Ok(made)
    }

    /// Raises the protocol to what schema and properties need. It never falls: readers may rely on it.
    fn raise_protocol(&mut self) {
        let mut needed: Vec<&str> = Vec::new();
        if self.schema.fields().iter().any(|f| has_local_timestamp(f.data_type())) {
            needed.push("timestampNtz");
        }
        if !self.checks().is_empty() {
            needed.push("checkConstraints");
        }
        if !self.not_null().is_empty() {
            needed.push("invariants");
        }
        let number = |map: &Map<String, Value>, key: &str| map.get(key).and_then(Value::as_u64).unwrap_or(0);
        let (reader, writer) = (number(&self.protocol, "minReaderVersion"), number(&self.protocol, "minWriterVersion"));
        if needed.contains(&"timestampNtz") || writer >= 7 {
            let mut features = self.features("writerFeatures");
            if writer < 7 {
                // What the older versions mean, spelled out as features.
                features.extend(["appendOnly", "invariants"].map(str::to_string));
                if writer >= 3 {
                    features.insert("checkConstraints".to_string());
                }
            }
            features.extend(needed.iter().map(|f| (*f).to_string()));
            let mut readable = self.features("readerFeatures");
            if needed.contains(&"timestampNtz") {
                readable.insert("timestampNtz".to_string());
            }
            self.protocol.insert("minReaderVersion".to_string(), json!(3));
            self.protocol.insert("minWriterVersion".to_string(), json!(7));
            self.protocol.insert("readerFeatures".to_string(), json!(readable));
            self.protocol.insert("writerFeatures".to_string(), json!(features));
        } else {
            let least = if needed.contains(&"checkConstraints") { 3 } else { 2 };
            self.protocol.insert("minReaderVersion".to_string(), json!(reader.max(1)));
            self.protocol.insert("minWriterVersion".to_string(), json!(writer.max(least)));
        }
    }

    fn features(&self, key: &str) -> std::collections::BTreeSet<String> {
        let listed = self.protocol.get(key).and_then(Value::as_array);
        listed.into_iter().flatten().filter_map(Value::as_str).map(str::to_string).collect()
    }

    /// Refuses tables that another writer gave features which we would break. A feature that is merely allowed breaks nothing.
    pub(super) fn check_writable(&self, table: &str) -> Result<(), DeltaError> {
        let version = self.protocol.get("minWriterVersion").and_then(Value::as_u64).unwrap_or(2);
        let demanded: Vec<String> = match version {
            0..=3 => Vec::new(),
            4..=6 => {
                ["changeDataFeed", "generatedColumns", "columnMapping", "identityColumns"].map(str::to_string).into()
            }
            7 => self.features("writerFeatures").into_iter().filter(|f| !FEATURES.contains(&f.as_str())).collect(),
            _ => return Err(DeltaError::Unsupported(format!("{table} demands version {version} of Delta's writers"))),
        };
        let mut used: Vec<String> = demanded.into_iter().filter(|feature| self.uses(feature)).collect();
        if version >= 2 && self.uses("invariants") {
            used.push("invariants".to_owned());
        }
        if used.is_empty() {
            return Ok(());
        }
        let text = format!("{table} uses {}, so another program must write to it", used.join(", "));
        Err(DeltaError::Unsupported(text))
    }

    /// Whether a feature is at work in the table. Of those not known here it must be assumed.
    fn uses(&self, feature: &str) -> bool {
        let schema = self.meta.get("schemaString").and_then(Value::as_str).unwrap_or_default();
        let on = |name: &str| self.property(name).is_some_and(|value| value == "true");
        match feature {
            "changeDataFeed" => on("delta.enableChangeDataFeed"),
            "generatedColumns" => schema.contains("delta.generationExpression"),
            "identityColumns" => schema.contains("delta.identity."),
            "invariants" => schema.contains("delta.invariants"),
            "columnMapping" => self.property("delta.columnMapping.mode").is_some_and(|mode| mode != "none"),
            "rowTracking" => on("delta.enableRowTracking"),
            "inCommitTimestamp" => on("delta.enableInCommitTimestamps"),
            // Ours to keep: a commit without such actions leaves them as they are.
            "domainMetadata" => false,
            _ => true,
        }
    }

    /// Refuses to remove rows of a table that may only grow.
    pub(super) fn check_deletable(&self, table: &str) -> Result<(), DeltaError> {
        if self.property("delta.appendOnly").is_some_and(|v| v == "true") {
            return Err(DeltaError::Unsupported(format!(
                "{table} has the property delta.appendOnly: rows cannot be removed"
            )));
        }
        Ok(())
    }

    /// The `metaData` and `protocol` actions that lead from `before` to here.
    pub(super) fn actions(&self, before: Option<&Self>) -> Vec<Value> {
        let mut actions = Vec::new();
        if before.is_none_or(|b| b.protocol != self.protocol) {
            actions.push(json!({ "protocol": self.protocol }));
        }
        if before.is_none_or(|b| b.meta != self.meta) {
            actions.push(json!({ "metaData": self.meta }));
        }
        actions
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(super) fn partition_columns(&self) -> Vec<String> {
        let listed = self.meta.get("partitionColumns").and_then(Value::as_array);
        listed.into_iter().flatten().filter_map(Value::as_str).map(str::to_string).collect()
    }

    pub(super) fn property(&self, name: &str) -> Option<String> {
        Some(self.meta.get("configuration")?.get(name)?.as_str()?.to_string())
    }

    /// All properties, without the constraints.
    pub(super) fn properties(&self) -> BTreeMap<String, String> {
        let all = self.meta.get("configuration").and_then(Value::as_object);
        all.into_iter()
            .flatten()
            .filter(|(name, _)| !name.starts_with(CHECKS))
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_string())))
            .collect()
    }

    #[cfg(test)]
    pub(super) fn comment(&self) -> Option<&str> {
        self.meta.get("description")?.as_str()
    }

    /// CHECK constraints: name and SQL.
    pub(super) fn checks(&self) -> Vec<(String, String)> {
        let all = self.meta.get("configuration").and_then(Value::as_object);
        all.into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.strip_prefix(CHECKS)?.to_string(), value.as_str()?.to_string())))
            .collect()
    }

    pub(super) fn not_null(&self) -> Vec<String> {
        self.schema.fields().iter().filter(|f| !f.is_nullable()).map(|f| f.name().clone()).collect()
    }

    /// The same table with another set of columns, given as the schema's JSON fields.
    fn with_fields(&self, fields: Vec<Value>) -> Result<Self, DeltaError> {
        let mut meta = self.meta.clone();
        meta.insert("schemaString".to_string(), json!(json!({"type": "struct", "fields": fields}).to_string()));
        Self::assemble(meta, self.protocol.clone())
    }

    fn fields(&self) -> Result<Vec<Value>, DeltaError> {
        let text = self.meta.get("schemaString").and_then(Value::as_str).unwrap_or_default();
        let schema: Value = serde_json::from_str(text)?;
        Ok(schema.get("fields").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    /// With one more column at the end.
    pub(super) fn with_column(&self, name: &str, of: &DataType, comment: Option<&String>) -> Result<Self, DeltaError> {
        let mut fields = self.fields()?;
        fields.push(field_json(name, &types::stored(name, of)?, true, comment));
        self.with_fields(fields)
    }

    /// With a change to one column's JSON; `None` drops it.
    pub(super) fn with_changed(
        &self,
        column: &str,
        change: impl Fn(Map<String, Value>) -> Option<Map<String, Value>>,
    ) -> Result<Self, DeltaError> {
        let mut fields = Vec::new();
        for field in self.fields()? {
            match field {
                Value::Object(map) if map.get("name").and_then(Value::as_str) == Some(column) => {
                    fields.extend(change(map).map(Value::Object));
                }
                other => fields.push(other),
            }
        }
        self.with_fields(fields)
    }

    /// With another name of a column.
    pub(super) fn with_renamed(&self, from: &str, to: &str) -> Result<Self, DeltaError> {
        let renamed = self.with_changed(from, |mut field| {
            field.insert("name".to_string(), json!(to));
            Some(field)
        })?;
        let columns = self.partition_columns().into_iter().map(|name| if name == from { to.to_string() } else { name });
        let mut meta = renamed.meta;
        meta.insert("partitionColumns".to_string(), json!(columns.collect::<Vec<_>>()));
        Self::assemble(meta, renamed.protocol)
    }

    /// The description that an earlier version had, under a protocol that never falls.
    pub(super) fn restored(&self, earlier: &Self) -> Result<Self, DeltaError> {
        Self::assemble(earlier.meta.clone(), self.protocol.clone())
    }

    /// With a property set or removed.
    pub(super) fn with_property(&self, name: &str, value: Option<&str>) -> Result<Self, DeltaError> {
        let mut meta = self.meta.clone();
        let entry = meta.entry("configuration").or_insert_with(|| json!({}));
        if let Value::Object(configuration) = entry {
            match value {
                Some(value) => configuration.insert(name.to_string(), json!(value)),
                None => configuration.shift_remove(name),
            };
        }
        Self::assemble(meta, self.protocol.clone())
    }

    /// With a CHECK constraint set or removed.
    pub(super) fn with_check(&self, name: &str, expression: Option<&str>) -> Result<Self, DeltaError> {
        self.with_property(&format!("{CHECKS}{name}"), expression)
    }

    /// With another comment on the table.
    pub(super) fn with_comment(&self, comment: Option<&str>) -> Result<Self, DeltaError> {
        let mut meta = self.meta.clone();
        match comment {
            Some(comment) => meta.insert("description".to_string(), json!(comment)),
            None => meta.shift_remove("description"),
        };
        Self::assemble(meta, self.protocol.clone())
    }
}

/// A column as the schema's JSON has it.
pub(super) fn field_json(name: &str, stored: &DataType, nullable: bool, comment: Option<&String>) -> Value {
    let metadata = match comment {
        Some(comment) => json!({ "comment": comment }),
        None => json!({}),
    };
    json!({"name": name, "type": type_json(stored), "nullable": nullable, "metadata": metadata})
}

/// A stored type as the schema's JSON has it.
pub(super) fn type_json(stored: &DataType) -> Value {
    use DataType as T;
    match stored {
        T::Boolean => json!("boolean"),
        T::Int8 => json!("byte"),
        T::Int16 => json!("short"),
        T::Int32 => json!("integer"),
        T::Int64 => json!("long"),
        T::Float32 => json!("float"),
        T::Float64 => json!("double"),
        T::Binary => json!("binary"),
        T::Date32 => json!("date"),
        T::Timestamp(_, None) => json!("timestamp_ntz"),
        T::Timestamp(_, Some(_)) => json!("timestamp"),
        T::Decimal128(p, s) => json!(format!("decimal({p},{s})")),
        T::List(item) => json!({"type": "array", "elementType": type_json(item.data_type()), "containsNull": true}),
        T::Struct(fields) => json!({"type": "struct", "fields": fields_json(fields)}),
        T::Map(entries, _) => match entries.data_type() {
            T::Struct(parts) if parts.len() == 2 => json!({
                "type": "map",
                "keyType": type_json(parts[0].data_type()),
                "valueType": type_json(parts[1].data_type()),
                "valueContainsNull": true,
            }),
            _ => json!("string"),
        },
        _ => json!("string"),
    }
}

fn fields_json(fields: &Fields) -> Vec<Value> {
    fields.iter().map(|f: &Arc<Field>| field_json(f.name(), f.data_type(), true, None)).collect()
}

fn arrow_schema(meta: &Map<String, Value>) -> Result<SchemaRef, DeltaError> {
    let text = meta.get("schemaString").and_then(Value::as_str).unwrap_or_default();
    let parsed: StructType = serde_json::from_str(text)?;
    let schema: Schema = (&parsed).try_into_arrow()?;
    Ok(Arc::new(schema))
}

fn has_local_timestamp(t: &DataType) -> bool {
    match t {
        DataType::Timestamp(TimeUnit::Microsecond, None) => true,
        DataType::List(item) | DataType::Map(item, _) => has_local_timestamp(item.data_type()),
        DataType::Struct(fields) => fields.iter().any(|f| has_local_timestamp(f.data_type())),
        _ => false,
    }
}

/// A Delta table's column names differ by more than case.
fn check_names(table: &str, schema: &Schema) -> Result<(), DeltaError> {
    if schema.fields().is_empty() {
        return Err(DeltaError::Columns(format!("{table}: a table needs at least one column")));
    }
    let mut seen: HashSet<String> = HashSet::new();
    for field in schema.fields() {
        if field.name().is_empty() {
            return Err(DeltaError::Columns(format!("{table}: a column has no name")));
        }
        if !seen.insert(field.name().to_lowercase()) {
            return Err(DeltaError::Columns(format!(
                "{table}: the column name `{}` comes twice (names must differ by more than upper and lower case)",
                field.name()
            )));
        }
    }
    Ok(())
}
