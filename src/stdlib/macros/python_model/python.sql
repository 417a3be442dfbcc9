{#-
  The Python text put behind a Python model: what `dbt.ref`, `dbt.source`, `dbt.config`, `dbt.this` and
  `dbt.is_incremental` mean inside it. Names are resolved here, at compile time; the code only looks them up.
-#}
{% macro resolve_model_name(input_model_name) -%}
    {{ return(adapter.dispatch('resolve_model_name', 'dbt')(input_model_name)) }}
{%- endmacro %}

{% macro default__resolve_model_name(input_model_name) -%}
    {{ input_model_name | string }}
{%- endmacro %}


{#- A project may have replaced `ref` by a macro that returns text; only relations have a `render`. -#}
{% macro build_ref_function(model) -%}
    {%- set names = {} -%}
    {%- for entry in model.refs -%}
        {%- set args = [entry['package'], entry['name']] if entry.get('package') else [entry['name']] -%}
        {%- set target = ref(*args, v=entry.get('version')) -%}
        {%- if target.render is defined and target.render is callable -%}
            {%- set target = target.render() -%}
        {%- endif -%}
        {%- if entry.get('version') -%}
            {%- do args.append('v' ~ entry['version']) -%}
        {%- endif -%}
        {%- do names.update({args | join('.'): resolve_model_name(target)}) -%}
    {%- endfor %}
def ref(*args, **kwargs):
    version = kwargs.get("v") or kwargs.get("version")
    key = ".".join(args) + (f".v{version}" if version else "")
    return kwargs["dbt_load_df_function"]({{ names | tojson }}[key])
{% endmacro %}


{% macro build_source_function(model) -%}
    {%- set names = {} -%}
    {%- for entry in model.sources -%}
        {%- do names.update({entry | join('.'): resolve_model_name(source(*entry))}) -%}
    {%- endfor %}
def source(*args, dbt_load_df_function):
    return dbt_load_df_function({{ names | tojson }}[".".join(args)])
{% endmacro %}


{#- The configs the model asks for, with their values or the defaults given in the code. -#}
{% macro build_config_dict(model) -%}
    {%- set values = {} -%}
    {%- for key, default in zip(model.config.config_keys_used, model.config.config_keys_defaults) -%}
        {%- do values.update({key: model.config.get(key, default)}) -%}
    {%- endfor -%}
    {%- set meta = {} -%}
    {%- for key, default in zip(model.config.meta_keys_used or [], model.config.meta_keys_defaults or []) -%}
        {%- do meta.update({key: (model.config.meta or {}).get(key, default)}) -%}
    {%- endfor %}
config_dict = {{ values }}
meta_dict = {{ meta }}
{% endmacro %}


{% macro py_script_postfix(model) %}

# The code above is the model; what follows gives it access to the project.
{{ build_ref_function(model) }}
{{ build_source_function(model) }}
{{ build_config_dict(model) }}

class config:
    def __init__(self, *args, **kwargs):
        pass

    @staticmethod
    def get(key, default=None):
        return config_dict.get(key, default)

    @staticmethod
    def meta_get(key, default=None):
        return meta_dict.get(key, default)


class this:
    database = "{{ this.database }}"
    schema = "{{ this.schema }}"
    identifier = "{{ this.identifier }}"

    def __repr__(self):
        return '{{ resolve_model_name(this) }}'


class dbtObj:
    def __init__(self, load_df_function) -> None:
        self.source = lambda *args: source(*args, dbt_load_df_function=load_df_function)
        self.ref = lambda *args, **kwargs: ref(*args, **kwargs, dbt_load_df_function=load_df_function)
        self.config = config
        self.this = this()
        self.is_incremental = {{ is_incremental() }}

{{ py_script_comment() }}
{% endmacro %}


{#- For adapters that want to say how the compiled code is run by hand. -#}
{% macro py_script_comment() -%}
{%- endmacro %}
