"""The tutorial's Lambda function: logs the reading that the rule hands over."""

import json


def handler(event, context):
    print("reading", json.dumps(event))
    return {"statusCode": 200}
