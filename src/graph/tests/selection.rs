//! Selection: what each way of writing it selects.

use super::build::shop;
use crate::base::NodeId;
use crate::graph::{Command, Graph, IndirectSelection, Selection, SelectionFacts, SelectionRequest, select};

/// `ls` arguments => selected ids. `-s` select, `-x` exclude, `-r` resource types, `-i` indirect selection. Ids are short:
/// without type for what has SQL, without package for the root's.
const CASES: &str = "
-s stg_orders => not_null_stg_orders rel_stg_orders_stg_customers stg_orders unique_stg_orders
-s +stg_orders -r model source => source:raw.orders stg_orders
-s stg_orders+ -r model => int_orders orders profit revenue stg_orders
-s 1+revenue -r model => customers orders revenue
-s 2+revenue+1 -r model source exposure => customers int_orders orders profit revenue stg_customers
-s 0+revenue -r model => revenue
-s @stg_customers -r model source seed => customers int_orders orders pkg.pkg_child pkg.pkg_model profit revenue
    source:crm.accounts source:raw.customers source:raw.orders stg_customers stg_orders
-s +orders+ -r model exposure metric saved_query => exposure:dash int_orders metric:order_count orders profit
    revenue saved_query:sq stg_customers stg_orders
-s orders,tag:nightly -r model => orders
-s +revenue,tag:nightly => assert_orders assert_two not_null_orders orders rel_stg_orders_stg_customers
    stg_customers stub_orders unique_orders unique_stg_customers unit_test:orders.test_orders_logic
-s stg_orders,stg_customers => rel_stg_orders_stg_customers
-s revenue customers => customers pkg.customers rel_revenue_customers revenue
-s stg_orders+1+2 =>
-s ++orders =>
-s tag:n* -r model => orders stg_customers
-s tag:raw_tag -r source => source:raw.customers source:raw.orders
-s tag:tt => unique_stg_customers
-s tag:exp => exposure:dash
-s tag:met =>
-s tag:sqt => saved_query:sq
-s tag:ut => unit_test:profit.test_profit
-s tag:sing => assert_two
-s tag:Nightly =>
-s marts.finance -r model => profit revenue
-s shop.marts.finance.revenue -r model => revenue
-s *.finance.* -r model => profit revenue
-s customers -r model => customers pkg.customers
-s pkg => assert_two pkg.customers pkg.pkg_child pkg.pkg_model
-s pkg.customers => pkg.customers
-s pkg_dir => pkg.pkg_model
-s *orders* -r model snapshot semantic_model => int_orders orders semantic_model:sem_orders snap_orders
    stg_orders
-s stg_?rders -r model => stg_orders
-s stg_[oc]* -r model => stg_customers stg_orders
-s stg_[!o]* -r model => stg_customers
-s dim -r model => dim.v1 dim.v2 dim.v3
-s dim.v1 -r model => dim.v1
-s dim_v1 -r model => dim.v1
-s marts.dim.v3 -r model => dim.v3
-s marts.dim -r model => dim.v1 dim.v2 dim.v3
-s dim.v* =>
-s dim+ -r model => dim.v1 dim.v2 dim.v3 uses_dim
-s stg.countries => stg.countries
-s stg =>
-s staging.stg => stg.countries
-s countries =>
-s fqn:*.orders => assert_orders assert_two not_null_orders orders stub_orders unique_orders
    unit_test:orders.test_orders_logic
-s SHOP =>
-s off =>
-s source:raw -r source => source:raw.customers source:raw.orders
-s source:raw.orders => not_null_raw_orders source:raw.orders
-s source:shop.raw.* -r source => source:raw.customers source:raw.orders
-s source:*.a* => source:crm.accounts
-s source:raw.orders+1 -r model source => source:raw.orders stg_orders
-s source:pkg.raw.orders =>
-s exposure:dash => exposure:dash
-s 1+exposure:* -r model source exposure => exposure:dash profit source:crm.accounts
-s exposure:pkg.dash =>
-s +metric:order_count -r model metric semantic_model source => int_orders metric:order_count orders
    semantic_model:sem_orders source:raw.customers source:raw.orders stg_customers stg_orders
-s semantic_model:sem_orders => semantic_model:sem_orders
-s saved_query:shop.* => saved_query:sq
-s unit_test:test_* => unit_test:orders.test_orders_logic unit_test:profit.test_profit
-s +unit_test:test_profit -r unit_test source => source:raw.customers source:raw.orders
    unit_test:orders.test_orders_logic unit_test:profit.test_profit
-s group:fin* => metric:order_count profit rel_revenue_customers revenue unit_test:profit.test_profit
-s group:mark -r model => customers
-s access:public -r model => stg_customers
-s access:private -r model => revenue
-s path:models/marts/finance/*.sql -r model => profit revenue
-s path:models/*.sql =>
-s path:models/**/stg_*.sql -r model => stg_customers stg_orders
-s path:**/finance -r model => profit revenue
-s path:seeds => raw_countries
-s path:tests => assert_orders assert_two
-s path:models/customers.sql =>
-s path:models/pkg_dir =>
-s path:./models/staging -r model source => source:crm.accounts source:raw.customers source:raw.orders
    stg.countries stg_customers stg_orders
-s path:analyses -r test =>
-s models/staging/stg_orders.sql+ -r model => int_orders orders profit revenue stg_orders
-s stg_orders.sql -r model => stg_orders
-s raw_countries.csv => raw_countries
-s file:stg_* -r model => stg_customers stg_orders
-s file:stg.countries => stg.countries
-s package:pkg => assert_two pkg.customers pkg.pkg_child pkg.pkg_model
-s package:this -r seed snapshot => raw_countries snap_orders
-s config.materialized:view -r model => pkg.customers pkg.pkg_child pkg.pkg_model stg.countries stg_customers
    stg_orders
-s config.materialized:ephemeral -r model => int_orders
-s config.materialized:TABLE =>
-s config.severity:WARN => unique_stg_customers
-s config.meta.owner:fin -r model => profit revenue
-s config.meta.pii:True -r model => profit revenue
-s config.meta.pii:false =>
-s config.meta.owners:a -r model => customers
-s config.meta.depth:3 =>
-s config.unique_key:day -r model => orders
-s config.alias:cust -r model => customers
-s config.where:1=1 => not_null_orders
-s test_name:unique => unique_orders unique_stg_customers unique_stg_orders
-s test_name:not_* => not_null_dim_v1 not_null_dim_v2 not_null_dim_v3 not_null_orders not_null_raw_orders
    not_null_stg_orders
-s test_name:dbt_stub => stub_orders
-s test_name:test_profit => unit_test:profit.test_profit
-s test_name:assert_two =>
-s test_type:singular => assert_orders assert_two
-s test_type:unit => unit_test:orders.test_orders_logic unit_test:profit.test_profit
-s test_type:schema => not_null_dim_v1 not_null_dim_v2 not_null_dim_v3 not_null_orders not_null_raw_orders
    not_null_stg_orders rel_revenue_customers rel_stg_orders_stg_customers stub_orders unique_orders
    unique_stg_customers unique_stg_orders
-s 1+test_name:relationships -r model test => customers not_null_stg_orders rel_revenue_customers
    rel_stg_orders_stg_customers revenue stg_customers stg_orders unique_stg_customers unique_stg_orders
-s resource_type:snapshot => snap_orders
-s resource_type:unit_test => unit_test:orders.test_orders_logic unit_test:profit.test_profit
-s version:latest -r model => dim.v2
-s version:prerelease -r model => dim.v3
-s version:old -r model => dim.v1
-s assert_two => assert_two
-s snap_orders => snap_orders
-i cautious -s stg_orders -r test unit_test => not_null_stg_orders unique_stg_orders
-i buildable -s stg_orders -r test unit_test => not_null_stg_orders unique_stg_orders
-i empty -s stg_orders -r test unit_test =>
-i cautious -s stg_orders stg_customers -r test unit_test => not_null_stg_orders rel_stg_orders_stg_customers
    unique_stg_customers unique_stg_orders
-i buildable -s stg_orders stg_customers -r test unit_test => not_null_stg_orders rel_stg_orders_stg_customers
    unique_stg_customers unique_stg_orders
-i empty -s stg_orders stg_customers -r test unit_test =>
-i cautious -s revenue -r test unit_test =>
-i buildable -s revenue -r test unit_test => rel_revenue_customers
-i empty -s revenue -r test unit_test =>
-i cautious -s +revenue -r test unit_test => assert_orders not_null_orders not_null_raw_orders
    not_null_stg_orders rel_revenue_customers rel_stg_orders_stg_customers stub_orders unique_orders
    unique_stg_customers unique_stg_orders unit_test:orders.test_orders_logic
-i buildable -s +revenue -r test unit_test => assert_orders not_null_orders not_null_raw_orders
    not_null_stg_orders rel_revenue_customers rel_stg_orders_stg_customers stub_orders unique_orders
    unique_stg_customers unique_stg_orders unit_test:orders.test_orders_logic
-i empty -s +revenue -r test unit_test =>
-i cautious -s orders -r test unit_test => assert_orders not_null_orders stub_orders unique_orders
    unit_test:orders.test_orders_logic
-i buildable -s orders -r test unit_test => assert_orders not_null_orders stub_orders unique_orders
    unit_test:orders.test_orders_logic
-i empty -s orders -r test unit_test =>
-i empty -s assert_two -r test unit_test => assert_two
-i cautious -s customers revenue -r test unit_test => rel_revenue_customers
-i buildable -s customers revenue -r test unit_test => rel_revenue_customers
-i empty -s customers revenue -r test unit_test =>
-i cautious -s orders pkg_child -r test unit_test => assert_orders assert_two not_null_orders stub_orders
    unique_orders unit_test:orders.test_orders_logic
-i buildable -s orders pkg_child -r test unit_test => assert_orders assert_two not_null_orders stub_orders
    unique_orders unit_test:orders.test_orders_logic
-i empty -s orders pkg_child -r test unit_test =>
-s +revenue -x orders+ -r model test => customers int_orders not_null_raw_orders not_null_stg_orders
    rel_stg_orders_stg_customers stg_customers stg_orders unique_stg_customers unique_stg_orders
-s +revenue -x test_type:data -r model test => customers int_orders orders revenue stg_customers stg_orders
-s +revenue -x +revenue -r model test =>
-s +revenue -x @orders -r model test =>
-s +revenue -x revenue,customers -r model test => assert_orders assert_two customers int_orders not_null_orders
    not_null_raw_orders not_null_stg_orders orders rel_stg_orders_stg_customers revenue stg_customers stg_orders
    stub_orders unique_orders unique_stg_customers unique_stg_orders
-s +revenue -x int_orders -r model test => assert_orders assert_two customers not_null_orders
    not_null_raw_orders not_null_stg_orders orders rel_revenue_customers rel_stg_orders_stg_customers revenue
    stg_customers stg_orders stub_orders unique_orders unique_stg_customers unique_stg_orders
-s +revenue -x nope -r model test => assert_orders assert_two customers int_orders not_null_orders
    not_null_raw_orders not_null_stg_orders orders rel_revenue_customers rel_stg_orders_stg_customers revenue
    stg_customers stg_orders stub_orders unique_orders unique_stg_customers unique_stg_orders
-i cautious -s tag:nightly+ -x stg_customers -r model test => assert_orders assert_two customers not_null_orders
    orders profit rel_revenue_customers rel_stg_orders_stg_customers revenue stub_orders unique_orders
-i empty -s tag:nightly+ -x stg_customers -r model test => assert_orders assert_two customers not_null_orders
    orders profit rel_revenue_customers rel_stg_orders_stg_customers revenue stub_orders unique_orders
    unique_stg_customers
-i cautious -s tag:nightly+ -x test_name:unique -r model test => assert_orders assert_two customers
    not_null_orders orders profit rel_revenue_customers rel_stg_orders_stg_customers revenue stg_customers
    stub_orders
-i empty -s tag:nightly+ -x test_name:unique -r model test => assert_orders assert_two customers not_null_orders
    orders profit rel_revenue_customers rel_stg_orders_stg_customers revenue stg_customers stub_orders
--selector nightly -r model test seed source => assert_orders assert_two not_null_orders orders
    rel_stg_orders_stg_customers stg_customers stub_orders unique_orders unique_stg_customers
--selector uni -r model test seed source => assert_orders assert_two customers not_null_orders
    not_null_raw_orders not_null_stg_orders orders rel_stg_orders_stg_customers source:raw.customers
    source:raw.orders stg_customers stg_orders stub_orders unique_orders unique_stg_customers unique_stg_orders
--selector inter -r model test seed source => stg.countries stg_customers unique_stg_customers
--selector inherit -r model test seed source => assert_orders assert_two not_null_orders orders
    rel_stg_orders_stg_customers stg_customers stub_orders unique_orders unique_stg_customers
--selector inherit_excl -r model test seed source => customers not_null_raw_orders not_null_stg_orders
    rel_stg_orders_stg_customers source:raw.customers source:raw.orders stg_customers stg_orders
    unique_stg_customers unique_stg_orders
--selector caut -r model test seed source => not_null_stg_orders stg_orders unique_stg_orders
--selector build_ -r model test seed source => rel_revenue_customers revenue
--selector empt -r model test seed source => stg_orders
--selector caut_union -r model test seed source => not_null_stg_orders stg_customers stg_orders
    unique_stg_customers unique_stg_orders
--selector gp -r model test seed source => assert_orders assert_two customers int_orders not_null_orders
    not_null_raw_orders not_null_stg_orders orders pkg.customers profit rel_revenue_customers
    rel_stg_orders_stg_customers revenue source:crm.accounts source:raw.customers source:raw.orders
    stg_customers stg_orders stub_orders unique_orders unique_stg_customers unique_stg_orders
--selector excl -r model test seed source => stg.countries stg_customers unique_stg_customers
--selector single -r model => customers dim.v1 dim.v2 dim.v3 empty_one orders profit revenue uses_dim
--selector caut_union -i empty -r model test => not_null_stg_orders stg_customers stg_orders
    unique_stg_customers unique_stg_orders
--selector uni -i cautious -r model test => assert_orders assert_two customers not_null_orders
    not_null_raw_orders not_null_stg_orders orders rel_revenue_customers rel_stg_orders_stg_customers
    stg_customers stg_orders stub_orders unique_orders unique_stg_customers unique_stg_orders
";

/// A request from the short form of the table.
pub(super) fn request(line: &str) -> SelectionRequest {
    let mut request = SelectionRequest { command: Command::List, ..SelectionRequest::default() };
    let mut flag = "";
    for word in line.split_whitespace() {
        match (flag, word) {
            (_, "-s" | "-x" | "-r" | "-i" | "--selector") => flag = word,
            ("-s", _) => request.select.push(word.into()),
            ("-x", _) => request.exclude.push(word.into()),
            ("-r", _) => request.resource_types.push(word.into()),
            ("-i", _) => request.indirect = IndirectSelection::parse(word).expect("a mode"),
            _ => request.selector = Some(word.into()),
        }
    }
    request
}

fn short(id: &NodeId) -> String {
    let mut parts = id.as_str().splitn(3, '.');
    let (kind, package, rest) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let kind = match kind {
        "model" | "seed" | "snapshot" | "analysis" | "test" => String::new(),
        kind => format!("{kind}:"),
    };
    let package = if package == "shop" { String::new() } else { format!("{package}.") };
    format!("{package}{kind}{rest}")
}

pub(super) fn shown(selection: &Selection) -> String {
    let mut ids: Vec<String> = selection.iter().map(short).collect();
    ids.sort();
    ids.join(" ")
}

#[test]
fn selects_as_dbt_does() {
    let project = shop();
    let (graph, _) = Graph::build(&project);
    let rows = CASES.replace("\n    ", " ");
    let rows: Vec<&str> = rows.lines().filter(|l| !l.is_empty()).collect();
    assert!(rows.len() > 150);
    for row in rows {
        let (line, expected) = row.split_once(" =>").expect(row);
        let (selection, problems) = select(&graph, &project, &request(line), SelectionFacts::default());
        assert!(!problems.has_errors(), "{line}: {problems:?}");
        assert_eq!(shown(&selection), expected.trim(), "{line}");
    }
}

#[test]
fn order_of_a_selection_keeps_edges() {
    let project = shop();
    let (graph, _) = Graph::build(&project);
    let (selection, _) = select(&graph, &project, &request("-s +dash"), SelectionFacts::default());
    let ids: Vec<&NodeId> = selection.iter().collect();
    for (child_at, child) in ids.iter().enumerate() {
        for parent in graph.parents(child) {
            assert!(ids.iter().position(|id| *id == parent).is_none_or(|parent_at| parent_at < child_at));
        }
    }
    assert_eq!(selection.sorted().first().map(|id| id.as_str()), Some("exposure.shop.dash"));
    assert!(selection.contains(&"source.shop.raw.orders".into()));
}
