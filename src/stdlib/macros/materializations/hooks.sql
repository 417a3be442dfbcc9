{#- Hooks, inside or outside the transaction of the node. Rendered only now, with everything the node knows. -#}
{% macro run_hooks(hooks, inside_transaction=True) -%}
    {%- for hook in hooks | selectattr('transaction', 'equalto', inside_transaction) -%}
        {%- set sql = render(hook.get('sql')) | trim -%}
        {%- if sql -%}
            {%- call statement(auto_begin=inside_transaction) -%}
                {{ sql }}
            {%- endcall -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}


{#- The three ways to say in a config on which side of the transaction a hook runs. -#}
{% macro make_hook_config(sql, inside_transaction) -%}
    {{ tojson({'sql': sql, 'transaction': inside_transaction}) }}
{%- endmacro %}

{% macro before_begin(sql) -%}
    {{ make_hook_config(sql, inside_transaction=False) }}
{%- endmacro %}

{% macro in_transaction(sql) -%}
    {{ make_hook_config(sql, inside_transaction=True) }}
{%- endmacro %}

{% macro after_commit(sql) -%}
    {{ make_hook_config(sql, inside_transaction=False) }}
{%- endmacro %}
