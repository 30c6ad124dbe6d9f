"""Calls at the same time, which do not hold up the end of the process."""
import threading


def in_threads(functions):
    """Call each in a thread of its own, and wait for all. The first exception among them is raised here."""
    errors = []

    def call(function):
        try:
            function()
        except Exception as error:  # pylint: disable=broad-except
            errors.append(error)

    # Not a pool of concurrent.futures: that waits for its threads before the process may end.
    threads = [threading.Thread(target=call, args=(function,), daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
