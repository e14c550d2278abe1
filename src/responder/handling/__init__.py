"""User callables brought into one shape, once: views, hooks, parameters, failures and the pipeline that runs them."""
