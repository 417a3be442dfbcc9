{#-
  Access rights. `grants` configs are compared with what the database reports, and the difference is granted and revoked.
  The small predicates say what an engine can do; adapters override them rather than the flow.
-#}

{#- Whether a replaced relation keeps the grants of its predecessor. Yes is the safe answer: it costs one query. -#}
{% macro copy_grants() -%}
    {{ return(adapter.dispatch('copy_grants', 'dbt')()) }}
{%- endmacro %}

{% macro default__copy_grants() -%}
    {{ return(True) }}
{%- endmacro %}


{% macro support_multiple_grantees_per_dcl_statement() -%}
    {{ return(adapter.dispatch('support_multiple_grantees_per_dcl_statement', 'dbt')()) }}
{%- endmacro %}

{% macro default__support_multiple_grantees_per_dcl_statement() -%}
    {{ return(True) }}
{%- endmacro %}


{#- Old grants can only be in the way where something existed: kept in place, or replaced by an engine that copies. -#}
{% macro should_revoke(existing_relation, full_refresh_mode=True) -%}
    {%- if not existing_relation -%}
        {{ return(False) }}
    {%- endif -%}
    {{ return(copy_grants() if full_refresh_mode else True) }}
{%- endmacro %}


{% macro get_show_grant_sql(relation) -%}
    {{ return(adapter.dispatch('get_show_grant_sql', 'dbt')(relation)) }}
{%- endmacro %}

{% macro default__get_show_grant_sql(relation) -%}
    show grants on {{ relation.render() }}
{%- endmacro %}


{% macro get_grant_sql(relation, privilege, grantees) -%}
    {{ return(adapter.dispatch('get_grant_sql', 'dbt')(relation, privilege, grantees)) }}
{%- endmacro %}

{% macro default__get_grant_sql(relation, privilege, grantees) -%}
    grant {{ privilege }} on {{ relation.render() }} to {{ grantees | join(', ') }}
{%- endmacro %}


{% macro get_revoke_sql(relation, privilege, grantees) -%}
    {{ return(adapter.dispatch('get_revoke_sql', 'dbt')(relation, privilege, grantees)) }}
{%- endmacro %}

{#- The grantees come from the database, in whatever spelling it holds them; hence the quotes. -#}
{% macro default__get_revoke_sql(relation, privilege, grantees) -%}
    revoke {{ privilege }} on {{ relation.render() }} from {{ get_quoted_csv(grantees) }}
{%- endmacro %}


{% macro get_dcl_statement_list(relation, grant_config, get_dcl_macro) -%}
    {{ return(adapter.dispatch('get_dcl_statement_list', 'dbt')(relation, grant_config, get_dcl_macro)) }}
{%- endmacro %}

{% macro default__get_dcl_statement_list(relation, grant_config, get_dcl_macro) -%}
    {%- set together = support_multiple_grantees_per_dcl_statement() -%}
    {%- set statements = [] -%}
    {%- for privilege, grantees in grant_config.items() if grantees -%}
        {%- for group in ([grantees] if together else grantees | batch(1)) -%}
            {%- do statements.append(get_dcl_macro(relation, privilege, group)) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(statements) }}
{%- endmacro %}


{% macro call_dcl_statements(dcl_statement_list) -%}
    {{ return(adapter.dispatch('call_dcl_statements', 'dbt')(dcl_statement_list)) }}
{%- endmacro %}

{#- One round trip for all of them. -#}
{% macro default__call_dcl_statements(dcl_statement_list) -%}
    {%- call statement('grants') -%}
        {%- for dcl_statement in dcl_statement_list %}
            {{ dcl_statement }};
        {%- endfor %}
    {%- endcall -%}
{%- endmacro %}


{% macro apply_grants(relation, grant_config, should_revoke) -%}
    {{ return(adapter.dispatch('apply_grants', 'dbt')(relation, grant_config, should_revoke)) }}
{%- endmacro %}

{% macro default__apply_grants(relation, grant_config, should_revoke=True) -%}
    {%- if grant_config -%}
        {%- set to_grant = grant_config -%}
        {%- set to_revoke = {} -%}
        {%- if should_revoke -%}
            {%- set current = adapter.standardize_grants_dict(run_query(get_show_grant_sql(relation))) -%}
            {%- set to_grant = diff_of_two_dicts(grant_config, current) -%}
            {%- set to_revoke = diff_of_two_dicts(current, grant_config) -%}
        {%- endif -%}

        {%- set statements = get_dcl_statement_list(relation, to_revoke, get_revoke_sql)
                           + get_dcl_statement_list(relation, to_grant, get_grant_sql) -%}
        {%- if statements -%}
            {%- do call_dcl_statements(statements) -%}
        {%- else -%}
            {%- do log('On ' ~ relation.render() ~ ': grants are as configured.') -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
