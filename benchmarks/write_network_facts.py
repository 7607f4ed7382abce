"""Counts the facts of all networks anew and writes them beside the code.

python -m benchmarks.write_network_facts
"""

from importlib.resources import as_file, files

from echomine.models.description import describe
from echomine.models.network_facts import NetworkFacts, facts_to_json
from echomine.models.registry import NETWORKS, Task


def all_facts() -> list[NetworkFacts]:
    """Facts of all networks, by task, year and name."""
    facts = [describe(name).facts for name in NETWORKS.names()]
    return sorted(facts, key=lambda one: (list(Task).index(Task(one.task)), one.year, one.name))


def main() -> None:
    with as_file(files("echomine.models")) as folder:
        (folder / "network_facts.json").write_text(facts_to_json(all_facts()), encoding="utf-8")


if __name__ == "__main__":
    main()
