"""Forward and backward of a frozen base under LoRA in fewer passes over memory, on a processor in float32."""
