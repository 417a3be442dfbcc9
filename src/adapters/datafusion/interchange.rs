//! A table for another engine. In: the folder of a Delta table. Out: the Parquet files that make up its current version.

use std::path::Path;
use std::sync::Arc;

use super::delta::StagedTable;
use super::errors;
use super::instance::Instance;
use super::settings::Settings;
use super::store::OWN_FOLDER;
use super::type_names::sql_name;
use crate::adapters::delta_files::DeltaFiles;
use crate::adapters::{AdapterError, ErrorKind};
use crate::base::{Dict, Value};
use crate::files::{Files, RealFiles};

/// The files of the table in a folder. In a lake, the catalog says which version is current; elsewhere the log does.
pub(in crate::adapters) fn delta_files(folder: &Path) -> Result<DeltaFiles, AdapterError> {
    let missing = || {
        let text = format!("there is no Delta Lake table in {}", folder.display());
        AdapterError::new(ErrorKind::Catalog, text).with_help("views of a lake have no files: make it a table")
    };
    let folder = RealFiles.canonical(folder).map_err(|_| missing())?;
    if !RealFiles.is_dir(&folder.join("_delta_log")) {
        return Err(missing());
    }
    let is_lake = |root: &&Path| RealFiles.is_dir(&root.join(OWN_FOLDER).join("catalog"));
    let lake = folder.ancestors().skip(1).take(3).find(is_lake);
    let root = lake.or(folder.parent()).ok_or_else(missing)?;
    let location = folder.strip_prefix(root).map_err(|_| missing())?.to_string_lossy().replace('\\', "/");
    let options = Dict::from([
        ("path".to_owned(), Value::Str(root.to_string_lossy().into_owned())),
        ("read_only".to_owned(), Value::Bool(true)),
    ]);
    let instance = Instance::open(&Arc::new(Settings::parse(&options, root)?), None)?;
    instance.engine.runtime.block_on(async {
        let pinned = instance.catalog.seen().tables.get(&location).copied();
        let version = match pinned {
            Some(version) => version,
            None => StagedTable::latest_version(&instance.lake, &location)
                .await
                .map_err(|e| errors::delta(&e))?
                .ok_or_else(missing)?,
        };
        let table = instance.open_table(&location, version).await?;
        let schema = table.schema().map_err(|e| errors::delta(&e))?;
        let columns = schema.fields().iter().map(|f| (f.name().clone(), sql_name(f.data_type()))).collect();
        let partitions = table.partition_columns().map_err(|e| errors::delta(&e))?;
        let files = table.plain_files().await.map_err(|e| errors::delta(&e))?;
        let files = files.iter().map(|path| folder.join(path)).collect();
        Ok(DeltaFiles { columns, partitions, files })
    })
}
