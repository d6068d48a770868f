"""The OpenAI-compatible server: `/v1/models`, `/v1/chat/completions`, `/v1/completions`. No gradio.

What a request asks for is read in `asked`, made into a run in `ready`, decoded in `answering`, and written in
OpenAI's shapes by `shapes`; `server` has the routes, `access` says who may use them.
"""
