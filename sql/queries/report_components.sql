-- Of what each change since the baseline is made; what of it leaves is chosen by pipelines.disclosure.parts.
SELECT * FROM marts.change_components
