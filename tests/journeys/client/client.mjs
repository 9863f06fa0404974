// Connects the way the dashboard's service layer does, and prints what it hears as JSON lines.
//
//   TOKEN=... node client.mjs http://host:port[/namespace]

import { createInterface } from 'node:readline'
import { io } from 'socket.io-client'

const say = (event, ...args) => console.log(JSON.stringify({ event, args }))

const socket = io(process.argv[2], {
  auth: { token: process.env.TOKEN },
  transports: ['websocket'],
})

socket.on('connect', () => say('connect'))
socket.on('connect_error', (error) => say('connect_error', error.message))
socket.on('disconnect', (reason) => say('disconnect', reason))
// What it has to remember is between it and the server, no page listens to that.
socket.onAny((name, ...args) => name === 'position' || say(name, ...args))

// The end of the input is the end of the test.
createInterface({ input: process.stdin }).on('close', () => process.exit(0))
