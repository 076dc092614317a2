#!/usr/bin/env python3
"""Counts again, from the topics alone, what the folds have counted, and compares with a state dump.

    audit.py BROKERS DUMP

Shares no line with the program: the topics are read by kcat, the rules are those of the documentation. Checked are
the trust counters of every title (impressions, clicks, completions, ratings, votes, corrections, watches) and the
counts of every viewer (n, watches); and that the dead letters are exactly the records that are no JSON, each at least
once. Prints how many rows agree; exit 1 names the first that differ.
"""
import json
import re
import subprocess
import sys
from collections import defaultdict

TOPICS = ["watch", "click", "rate", "impression", "interaction", "availability"]
CAPS = {"impressions": 5, "clicks": 3, "completions": 1}  # per viewer, title and UTC day
TITLE = [
    "impressions", "clicks", "completions", "rating_count", "rating_sum_half_stars", "watches", "available",
    "unavailable", "user_corrections",
]
VIEWER = ["n", "watches"]


def read_all(brokers, topic, form):
    return subprocess.run(
        ["kcat", "-C", "-q", "-e", "-b", brokers, "-t", topic, "-o", "beginning", "-f", form],
        check=True, stdout=subprocess.PIPE).stdout


def records(brokers, topic):
    """Place and value of a topic's records, partition by partition in the order of offsets."""
    lines = [line.split(b"\t", 2) for line in read_all(brokers, topic, "%p\t%o\t%s\n").split(b"\n") if line]
    for partition, offset, value in sorted(lines, key=lambda line: (int(line[0]), int(line[1]))):
        yield (topic, int(partition), int(offset)), value


def dead_letters(brokers):
    """Places that the dead letters name in their headers."""
    places = set()
    for line in read_all(brokers, "dlq.events", "%h\n").decode().split("\n"):
        named = dict(re.findall(r"__connect\.errors\.(topic|partition|offset)=([^,]*)", line))
        if named:
            places.add((named["topic"], int(named["partition"]), int(named["offset"])))
    return places


def event_of(value):
    try:
        event = json.loads(value)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event_id" in event else None


def count(brokers):
    titles = defaultdict(lambda: dict.fromkeys(TITLE, 0))
    viewers = defaultdict(lambda: dict.fromkeys(VIEWER, 0))
    seen, capped, ratings, votes, garbage = set(), defaultdict(int), {}, set(), set()
    read = copies = 0

    def within(what, event, title):
        key = (what, event["user_id"], title, event["timestamp"] // 86_400_000)
        capped[key] += 1
        return capped[key] <= CAPS[what]

    for topic in TOPICS:
        for place, value in records(brokers, "events." + topic):
            event = event_of(value)
            if event is None:
                garbage.add(place)
                continue
            read += 1
            if event["event_id"] in seen:
                copies += 1
                continue
            seen.add(event["event_id"])
            user = event.get("user_id")
            if topic != "availability":
                viewers[user]["n"] += topic != "impression"
            if topic == "impression":
                for item in event["items"]:
                    titles[item["content_id"]]["impressions"] += within("impressions", event, item["content_id"])
                continue
            row = titles[event["content_id"]]
            if topic == "watch":
                row["watches"] += 1
                viewers[user]["watches"] += 1
                if event["completion_rate"] >= 0.9:
                    row["completions"] += within("completions", event, event["content_id"])
            elif topic == "click":
                row["clicks"] += within("clicks", event, event["content_id"])
            elif topic == "rate":
                half, pair = round(event["rating"] * 2), (user, event["content_id"])
                row["rating_count"] += pair not in ratings
                row["rating_sum_half_stars"] += half - ratings.get(pair, 0)
                ratings[pair] = half
            elif topic == "interaction":
                row["user_corrections"] += event["action"] == "correction"
            else:
                vote = (user, event["content_id"], event["timestamp"] // 86_400_000)
                if vote not in votes:
                    votes.add(vote)
                    row["available" if event["available"] else "unavailable"] += 1
    return titles, viewers, garbage, read, copies


def main(brokers, dump):
    titles, viewers, garbage, read, copies = count(brokers)
    wanted = {"content": (titles, TITLE), "user": (viewers, VIEWER)}
    stored = {"content": {}, "user": {}}
    with open(dump, encoding="utf-8") as lines:
        for line in lines:
            kind, key, row = line.rstrip("\n").split("\t", 2)
            if kind in stored:
                stored[kind][key] = json.loads(row)
    wrong = []
    for kind, (counted, names) in wanted.items():
        for key, row in counted.items():
            theirs = stored[kind].get(key)
            if theirs is None:
                wrong.append(f"{kind} {key} is not in the dump")
            else:
                wrong += [f"{kind} {key} {n}: counted {row[n]}, stored {theirs[n]}" for n in names if row[n] != theirs[n]]
        for key, row in stored[kind].items():
            if key not in counted and any(row[n] for n in names):
                wrong.append(f"{kind} {key} is in the dump and in no topic")
    letters = dead_letters(brokers)
    wrong += [f"{place} is no event and no dead letter names it" for place in sorted(garbage - letters)]
    wrong += [f"a dead letter names {place}, which is an event" for place in sorted(letters - garbage)]
    print(f"{len(letters)} dead letters; {read} events read, {copies} copies among them; {len(titles)} titles and {len(viewers)} viewers compared")
    for line in wrong[:10]:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
