"""Runs inside MLflow's own environment: evaluates made-up answers with scorers written in code, without any model."""

import argparse

import mlflow
from mlflow.entities import AssessmentSource
from mlflow.genai import evaluate
from mlflow.genai.scorers import scorer
from mlflow_cases import CASES, FAILING_ITEM, SILENT_ITEM

BY_QUESTION = {case["question"]: case for case in CASES}


@scorer
def groundedness(inputs):
    return BY_QUESTION[inputs["question"]]["groundedness"]


@scorer
def relevance(inputs):
    return BY_QUESTION[inputs["question"]]["relevance"]


@scorer
def safety(inputs):
    return "yes" if BY_QUESTION[inputs["question"]]["safe"] else "no"


@scorer
def task_success(inputs):
    case = BY_QUESTION[inputs["question"]]
    if case["item"] == FAILING_ITEM:
        raise RuntimeError("judge endpoint unavailable")
    return case["solved"]


@scorer
def completeness(inputs):
    case = BY_QUESTION[inputs["question"]]
    return None if case["item"] == SILENT_ITEM else case["completeness"]


def answer(question):
    return f"An answer to: {question}"


def run_evaluation(name, tags):
    rows = [
        {
            "inputs": {"question": case["question"]},
            "expectations": {"expected_response": "as in the policy"},
            "tags": {"gatehouse.item": case["item"], "gatehouse.item_kind": case["kind"]},
        }
        for case in CASES
    ]
    with mlflow.start_run(run_name=name, tags=tags) as run:
        mlflow.log_param("model", "made-up-model")
        evaluate(data=rows, predict_fn=answer, scorers=[groundedness, relevance, safety, task_success, completeness])
    return run.info.run_id


def judge_late(run_id, item, metric, value):
    traces = mlflow.search_traces(run_id=run_id, return_type="list")
    trace = next(trace for trace in traces if trace.info.tags.get("gatehouse.item") == item)
    mlflow.log_feedback(
        trace_id=trace.info.trace_id,
        name=metric,
        value=value,
        source=AssessmentSource(source_type="CODE", source_id="afterthought"),
        metadata={"mlflow.assessment.sourceRunId": run_id},
    )
    return trace.info.trace_id


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--experiment", required=True)
    commands = parser.add_subparsers(dest="command", required=True)
    evaluation = commands.add_parser("evaluate")
    evaluation.add_argument("--name", required=True)
    evaluation.add_argument("--tag", action="append", default=[])
    for name in ("judge", "metric"):
        late = commands.add_parser(name)
        late.add_argument("--run", required=True)
        late.add_argument("--metric", required=True)
        late.add_argument("--value", type=float, required=True)
        late.add_argument("--item")
    asked = parser.parse_args()
    mlflow.set_tracking_uri(asked.url)
    mlflow.set_experiment(asked.experiment)
    if asked.command == "evaluate":
        print(run_evaluation(asked.name, dict(tag.split("=", 1) for tag in asked.tag)))  # noqa: T201
    elif asked.command == "judge":
        print(judge_late(asked.run, asked.item, asked.metric, asked.value))  # noqa: T201
    else:
        mlflow.MlflowClient().log_metric(asked.run, asked.metric, asked.value)
        print("done")  # noqa: T201


if __name__ == "__main__":
    main()
