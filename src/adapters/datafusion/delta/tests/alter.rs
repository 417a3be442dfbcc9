//! ALTER TABLE.

use datafusion::arrow::datatypes::DataType;

use super::*;

async fn changed(house: &House, table: &mut StagedTable, change: Alter) {
    table.alter(&house.state(), change).await.unwrap();
}

async fn refused(house: &House, table: &mut StagedTable, change: Alter) -> String {
    let steps = table.steps.len();
    let error = table.alter(&house.state(), change).await.unwrap_err().to_string();
    assert_eq!(table.steps.len(), steps);
    error
}

#[test]
fn columns_come_go_and_get_other_names_and_types() {
    run(|house| async move {
        let mut table = house.table("main/t", "select cast(1 as int) as id, 'x' as b, 2.5 as c").await;
        let files = house.data_files("main/t");
        let add = Alter::AddColumn { name: "d".into(), data_type: DataType::Date32, comment: Some("a day".into()) };
        changed(&house, &mut table, add).await;
        assert_eq!(house.data_files("main/t"), files);
        house.append(&mut table, "select 2 as id, date '2024-01-01' as d").await;
        assert_eq!(house.rows(&table).await, ["1|x|2.5|NULL", "2|NULL|NULL|2024-01-01"]);

        changed(&house, &mut table, Alter::DropColumn { name: "b".into() }).await;
        changed(&house, &mut table, Alter::RenameColumn { from: "c".into(), to: "The C".into() }).await;
        changed(&house, &mut table, Alter::ChangeType { name: "id".into(), data_type: DataType::Int64, using: None })
            .await;
        assert_eq!(house.rows(&table).await, ["1|2.5|NULL", "2|NULL|2024-01-01"]);
        house.append(&mut table, "select 3000000000 as id").await;

        let table = house.publish(table).await;
        let schema = table.schema().unwrap();
        let columns: Vec<String> =
            schema.fields().iter().map(|f| format!("{} {}", f.name(), types::name(f.data_type()))).collect();
        assert_eq!(columns, ["id bigint", "The C double", "d date"]);
        assert_eq!(schema.field(2).metadata().get("comment").map(String::as_str), Some("a day"));
        assert_eq!(house.rows(&table).await, ["1|2.5|NULL", "2|NULL|2024-01-01", "3000000000|NULL|NULL"]);
    });
}

#[test]
fn types_are_narrowed_only_by_an_expression() {
    run(|house| async move {
        let mut table = house.table("main/t", "select timestamp '2024-01-01 10:00:00' as ts, 1.5 as x").await;
        let narrow = |using| Alter::ChangeType { name: "ts".into(), data_type: DataType::Date32, using };
        let error = refused(&house, &mut table, narrow(None)).await;
        assert!(error.starts_with("column `ts`: timestamp does not go into date without loss"), "{error}");
        let using = house.expr(&table, "cast(ts as date)");
        changed(&house, &mut table, narrow(Some(using))).await;
        assert_eq!(house.rows(&table).await, ["2024-01-01|1.5"]);
    });
}

#[test]
fn constraints_are_checked_against_the_rows_that_are_there() {
    run(|house| async move {
        let mut table = house.table("main/t", "select 1 as id, -1 as n union all select null, 5").await;
        let error = refused(&house, &mut table, Alter::SetNotNull { name: "id".into() }).await;
        assert_eq!(error, "NOT NULL constraint of column `id` of main/t is violated by 1 row(s)");
        let check = || Alter::AddCheck { name: "positive".into(), expression: "n > 0".into() };
        let error = refused(&house, &mut table, check()).await;
        assert_eq!(error, "CHECK constraint `positive` of main/t is violated by 1 row(s): n > 0");

        let predicate = house.expr(&table, "n < 0 or id is null");
        table.delete(&house.state(), Some(predicate)).await.unwrap();
        changed(&house, &mut table, Alter::SetNotNull { name: "id".into() }).await;
        changed(&house, &mut table, check()).await;
        let mut table = house.publish(table).await;
        let plan = house.plan("select 1 as id, 0 as n").await;
        assert!(matches!(table.append(&house.state(), plan).await, Err(DeltaError::Check { .. })));
        let plan = house.plan("select 1 as n").await;
        assert!(matches!(table.append(&house.state(), plan).await, Err(DeltaError::NotNull { .. })));
        changed(&house, &mut table, Alter::DropCheck { name: "positive".into() }).await;
        changed(&house, &mut table, Alter::DropNotNull { name: "id".into() }).await;
        house.append(&mut table, "select 0 as n").await;
        assert_eq!(house.rows(&table).await, ["NULL|0"]);
    });
}

#[test]
fn comments_and_properties() {
    run(|house| async move {
        let mut table = house.table("main/t", "select 1 as id").await;
        changed(&house, &mut table, Alter::Comment(Some("it's \"all\" here".into()))).await;
        let on_id = Alter::ColumnComment { name: "id".into(), comment: Some("the key".into()) };
        changed(&house, &mut table, on_id).await;
        let property = Alter::Property { name: "owner".into(), value: Some("me".into()) };
        changed(&house, &mut table, property.clone()).await;
        let steps = table.steps.len();
        changed(&house, &mut table, property).await;
        assert_eq!(table.steps.len(), steps);
        let table = house.publish(table).await;
        assert_eq!(table.meta().unwrap().comment(), Some("it's \"all\" here"));
        assert_eq!(table.meta().unwrap().properties().get("owner").map(String::as_str), Some("me"));
        let schema = table.schema().unwrap();
        assert_eq!(schema.field(0).metadata().get("comment").map(String::as_str), Some("the key"));
        assert_eq!(house.rows(&table).await, ["1"]);
    });
}

#[test]
fn what_cannot_be_is_refused() {
    run(|house| async move {
        let options = TableOptions { partition_by: vec!["p".into()], ..TableOptions::default() };
        let mut table = house.table_with("main/t", "select 1 as id, 'a' as p", options).await;
        for (change, message) in [
            (Alter::DropColumn { name: "no".into() }, "main/t has no column `no`"),
            (Alter::DropColumn { name: "p".into() }, "main/t: the partition column `p` cannot be dropped"),
            (
                Alter::AddColumn { name: "ID".into(), data_type: DataType::Int32, comment: None },
                "main/t has a column `ID` already",
            ),
            (Alter::RenameColumn { from: "id".into(), to: "P".into() }, "main/t has a column `P` already"),
            (Alter::DropCheck { name: "x".into() }, "main/t: there is no CHECK constraint `x`"),
        ] {
            assert_eq!(refused(&house, &mut table, change).await, message);
        }
        changed(&house, &mut table, Alter::RenameColumn { from: "p".into(), to: "part".into() }).await;
        let table = house.publish(table).await;
        assert_eq!(table.partition_columns().unwrap(), ["part"]);
        assert_eq!(house.rows(&table).await, ["1|a"]);
    });
}
