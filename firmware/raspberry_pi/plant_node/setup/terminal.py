"""Asks a person in a terminal."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Sequence


class Abandoned(Exception):
    """The person left (Ctrl-C, Ctrl-D)."""


class Terminal:
    """Questions with a default in brackets; a wrong answer is told what is right and asked again."""

    def say(self, text: str = "") -> None:
        """One line or more."""
        print(text)

    def ask(self, question: str, default: str = "", *, check: Callable[[str], str | None] = lambda _: None) -> str:
        """A line of text. `check` gives what is wrong with an answer, or None."""
        shown = f" [{default}]" if default else ""
        while True:
            answer = self._read(lambda: input(f"{question}{shown}: ")).strip() or default
            if (wrong := check(answer)) is None:
                return answer
            self.say(f"  {wrong}")

    def ask_secret(self, question: str, *, check: Callable[[str], str | None]) -> str:
        """A line that is not shown."""
        while True:
            answer = self._read(lambda: getpass.getpass(f"{question} (not shown): ")).strip()
            if (wrong := check(answer)) is None:
                return answer
            self.say(f"  {wrong}")

    def yes(self, question: str, *, default: bool) -> bool:
        """Yes or no."""
        known = {"y": True, "yes": True, "n": False, "no": False, "": default}

        def check(answer: str) -> str | None:
            return None if answer.lower() in known else "yes or no?"

        return known[self.ask(f"{question} [{'Y/n' if default else 'y/N'}]", check=check).lower()]

    def number(self, question: str, default: float | None, least: float, most: float) -> float:
        """A number within bounds."""

        def check(answer: str) -> str | None:
            try:
                is_right = least <= float(answer) <= most
            except ValueError:
                is_right = False
            return None if is_right else f"a number from {least:g} to {most:g}"

        return float(self.ask(question, "" if default is None else f"{default:g}", check=check))

    def integers(self, question: str, default: str, least: int, most: int) -> list[int]:
        """Whole numbers with commas between, or none."""

        def parse(answer: str) -> list[int]:
            return [int(word) for word in answer.replace(" ", ",").split(",") if word]

        def check(answer: str) -> str | None:
            if answer.lower() in ("", "none", "-"):
                return None
            try:
                is_right = all(least <= number <= most for number in parse(answer))
            except ValueError:
                is_right = False
            return None if is_right else f"numbers from {least} to {most} with commas between, or none"

        answer = self.ask(question, default, check=check)
        return [] if answer.lower() in ("", "none", "-") else sorted(set(parse(answer)))

    def choice(self, question: str, choices: Sequence[tuple[str, str]], default: str) -> str:
        """One of some words, each with its meaning."""
        self.say(question)
        for word, meaning in choices:
            self.say(f"  {word:<10} {meaning}")
        words = [word for word, _ in choices]

        def check(answer: str) -> str | None:
            return None if answer in words else f"one of {', '.join(words)}"

        return self.ask("Your choice", default, check=check)

    @staticmethod
    def _read(read: Callable[[], str]) -> str:
        try:
            return read()
        except (EOFError, KeyboardInterrupt):
            raise Abandoned from None
