"""Sources in Azure, OpenAI and AWS can be chosen. The table of connectors is small, so its locks are short."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evidence", "0090_usage_ledger")]

    operations = [
        migrations.RemoveConstraint(model_name="connector", name="connector_kind_is_known"),
        migrations.AlterField(
            model_name="connector",
            name="kind",
            field=models.CharField(
                choices=[
                    ("mlflow", "MLflow"),
                    ("phoenix", "Arize Phoenix"),
                    ("langfuse", "Langfuse"),
                    ("litellm", "LiteLLM proxy"),
                    ("azure_cost", "Azure Cost Management"),
                    ("azure_monitor", "Azure Monitor"),
                    ("openai_evals", "OpenAI and Azure AI Foundry evals"),
                    ("openai_usage", "OpenAI usage and costs"),
                    ("aws", "AWS (Bedrock)"),
                    ("focus_file", "Cost file (FOCUS)"),
                    ("evaluation_file", "Evaluation file"),
                ],
                max_length=20,
            ),
        ),
        migrations.AddConstraint(
            model_name="connector",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "mlflow",
                            "phoenix",
                            "langfuse",
                            "litellm",
                            "azure_cost",
                            "azure_monitor",
                            "openai_evals",
                            "openai_usage",
                            "aws",
                            "focus_file",
                            "evaluation_file",
                        ],
                    )
                ),
                name="connector_kind_is_known",
            ),
        ),
    ]
