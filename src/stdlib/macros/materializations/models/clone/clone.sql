{#- A relation of another state, made visible here: a zero-copy clone if both engine and relation allow, else a view. -#}
{% materialization clone, default %}
    {%- if not defer_relation -%}
        {%- do log('Nothing to clone: the state has no relation of ' ~ model.unique_id, info=True) -%}
        {{ return({'relations': []}) }}
    {%- endif -%}

    {#- A view of itself in its place would be the end of it. -#}
    {%- if this.render() | lower == defer_relation.render() | lower -%}
        {%- do log('Nothing to clone: ' ~ this ~ ' is the relation of the state', info=True) -%}
        {{ return({'relations': []}) }}
    {%- endif -%}

    {%- set existing_relation = load_cached_relation(this) -%}
    {%- if existing_relation and not flags.FULL_REFRESH -%}
        {%- do log('Not cloned: ' ~ existing_relation ~ ' exists', info=True) -%}
        {{ return({'relations': []}) }}
    {%- endif -%}

    {%- set source_relation = load_cached_relation(defer_relation) -%}
    {%- if not (source_relation and source_relation.type == 'table' and can_clone_table()) -%}
        {#- Materializations cannot be dispatched; this is the order they would be looked up in. -#}
        {%- set view_macro = 'materialization_view_' ~ adapter.type() -%}
        {%- if view_macro not in context -%}
            {%- set view_macro = 'materialization_view_default' -%}
        {%- endif -%}
        {{ return(context[view_macro]()) }}
    {%- endif -%}

    {%- set target_relation = this.incorporate(type='table') -%}
    {%- if existing_relation and not existing_relation.is_table -%}
        {%- do log('Dropping the ' ~ existing_relation.type ~ ' ' ~ existing_relation.render()) -%}
        {{- drop_relation_if_exists(existing_relation) -}}
    {%- endif -%}

    {%- call statement('main') -%}
        {{ create_or_replace_clone(target_relation, defer_relation) }}
    {%- endcall -%}

    {%- do apply_grants(target_relation, config.get('grants'), should_revoke=should_revoke(existing_relation, full_refresh_mode=True)) -%}
    {%- do persist_docs(target_relation, model) -%}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
