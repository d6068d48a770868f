"""The page's named endpoints: decode, stream, compare, trace, evaluate. Plain values in, plain values out; no
gradio. Whoever may open the page may call them, within the limits that hold for the page."""
