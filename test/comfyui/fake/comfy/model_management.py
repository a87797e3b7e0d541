"""ComfyUI's note that the user wants the running prompt to end."""

interrupt_processing = False


class InterruptProcessingException(BaseException):
    pass


def interrupt_current_processing(value=True):
    global interrupt_processing
    interrupt_processing = value


def processing_interrupted():
    return interrupt_processing


def throw_exception_if_processing_interrupted():
    if interrupt_processing:
        interrupt_current_processing(False)
        raise InterruptProcessingException()
