"""Runs a rotation function in the shape of AWS Lambda's: HANDLER(event, context) of a Python file, unchanged.

    python3 -I -B lambda_runner.py FILE HANDLER MEMORY_MIB

coffer-runner starts it. Standard input is one JSON object: {"Event": what the handler is called with, "Environment":
variables that are set within this process, "Context": what its context says}. Credentials are among the variables:
they come this way so that no other process sees them in an environment or a command line.

Exit code 0: the handler returned. Exit code 1: it raised something, or could not be loaded; standard output is then
{"errorType": ..., "errorMessage": ...}, as Lambda's. What the handler prints goes to standard error.
"""
import importlib.util
import json
import logging
import os
import sys
import time
import traceback

INPUT_MOST = 1 << 20
MESSAGE_MOST = 4000


class Context:
    """AWS Lambda's context object, as far as there is something to say here."""

    log_stream_name = "coffer"
    function_version = "$LATEST"
    identity = None
    client_context = None

    def __init__(self, given, memory_mib):
        self.aws_request_id = given["aws_request_id"]
        self.function_name = given["function_name"]
        self.invoked_function_arn = given["invoked_function_arn"]
        self.log_group_name = "/aws/lambda/" + self.function_name
        self.memory_limit_in_mb = memory_mib
        self._until = time.monotonic() + given["remaining_ms"] / 1000

    def get_remaining_time_in_millis(self):
        return max(0, int((self._until - time.monotonic()) * 1000))


def load(file, handler):
    # Files beside the handler can be imported, as in a Lambda package.
    sys.path.insert(0, os.path.dirname(os.path.abspath(file)))
    spec = importlib.util.spec_from_file_location("lambda_function", file)
    if spec is None:
        raise ImportError("not a Python file: " + file)
    module = importlib.util.module_from_spec(spec)
    sys.modules["lambda_function"] = module
    spec.loader.exec_module(module)
    return getattr(module, handler)


def message_of(error):
    # Never a part: of a secret that is cut in two neither half would be found by who redacts the message.
    message = str(error)
    if len(message) > MESSAGE_MOST:
        return f"the message is left out, it has {len(message)} characters (at most {MESSAGE_MOST} are shown)"
    return message


def main():
    file, handler, memory_mib = sys.argv[1:4]
    # The answer alone is written to what was standard output; print() of the handler is a note.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        given = json.loads(sys.stdin.buffer.read(INPUT_MOST))
        sys.stdin.close()
        os.environ.update(given["Environment"])
        os.environ["AWS_LAMBDA_FUNCTION_NAME"] = given["Context"]["function_name"]
        os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = memory_mib
        context = Context(given["Context"], memory_mib)
        logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s")
        load(file, handler)(given["Event"], context)
    except BaseException as error:  # SystemExit as well: a handler that ends the process has not returned
        traceback.print_exc(file=sys.stderr)
        json.dump({"errorType": type(error).__name__, "errorMessage": message_of(error)}, answer)
        answer.flush()
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # threads that the handler left running do not keep the step from ending
